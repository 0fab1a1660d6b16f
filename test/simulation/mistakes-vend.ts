import type { State } from '../../local/aws/step-functions-definition.ts'
import type { Mistake } from './mistake.ts'

/** Removes the retries of a state after an error. */
const withoutRetry = (state: string, error: string) => (states: Record<string, State>) => {
  const wrong = states[state]
  if (wrong?.Retry) wrong.Retry = wrong.Retry.filter(({ ErrorEquals }) => !ErrorEquals.includes(error))
}

/** Mistakes in vends, links, openings and the sweep. */
export const mistakesInVends: Mistake[] = [
  {
    name: 'the login profile is set before its password is stored',
    file: 'create-admin-user/create-admin-user.ts',
    changes: [
      ['import { GetSecretValueCommand,', 'import { PutSecretValueCommand, GetSecretValueCommand,'],
      [
        'await setPassword(iam, { UserName, Password: password, PasswordResetRequired: passwordResetRequired })',
        `await setPassword(iam, { UserName, Password: 'New-' + password, PasswordResetRequired: passwordResetRequired }).then(() =>
            clients.secrets.send(new PutSecretValueCommand({ SecretId: secret.secretArn ?? '', SecretString: 'New-' + password, ClientRequestToken: vend.id + '-2' })))`,
      ],
    ],
  },
  {
    name: 'the lease is not asked for',
    file: 'shared/record-and-lease.ts',
    changes: [
      [
        'updateAccount(ledger, accountId, { ...change, condition: isHeldBy(vend.executionArn) })',
        'updateAccount(ledger, accountId, { ...change, condition: recordExists })',
      ],
    ],
  },
  {
    name: 'the lease is taken from whoever has it',
    file: 'accept-request/held.ts',
    changes: [
      [
        'if (!record?.lease || record.lease.holder === executionArn) return false',
        'if (!record?.lease || record.lease.holder !== executionArn) return false',
      ],
    ],
  },
  {
    name: 'a repair relies on a running execution',
    file: 'accept-request/accept-request.ts',
    changes: [['(!input.again && lease?.ask', '(lease?.ask']],
  },
  {
    name: 'the lease is taken over as soon as its execution has ended',
    file: 'shared/record-and-lease.ts',
    changes: [['export const leaseRestSeconds = 90', 'export const leaseRestSeconds = 0']],
  },
  {
    name: 'a step begins right after a failure',
    file: 'shared/record-and-lease.ts',
    changes: [['Date.parse(at) - leaseRestSeconds * 1000', 'Date.parse(at) + leaseRestSeconds * 1000']],
  },
  {
    name: 'the lease is not given back',
    file: 'shared/record-and-lease.ts',
    changes: [["remove: ['lease', 'failure'],\n    })\n  } catch", "remove: ['failure'],\n    })\n  } catch"]],
  },
  {
    name: 'a mail is put on record before it is sent',
    file: 'send-login-email/send-login-email.ts',
    changes: [
      [
        '  await recordSent(await sendMail(ses, mail, config))',
        "  await recordSent('')\n  await recordSent(await sendMail(ses, mail, config))",
      ],
    ],
  },
  {
    name: 'a mail that is on record is sent again',
    file: 'shared/record-and-lease.ts',
    changes: [['?.secretVersion === secretVersion', '?.secretVersion === `${secretVersion}?`']],
  },
  {
    name: 'a lost answer of CreateUser is taken for somebody else’s user',
    file: 'create-admin-user/create-admin-user.ts',
    changes: [['if (User?.Path !== ourPath)', 'if (User)']],
  },
  {
    name: 'a login profile that is not ours gets a new password',
    file: 'create-admin-group/create-admin-group.ts',
    changes: [['(user.Path !== ourPath || !isOnRecord(admin.userName))', 'user.Path !== ourPath']],
  },
  {
    name: 'a user that is not ours is taken up',
    file: 'create-admin-group/create-admin-group.ts',
    changes: [['user.Path !== ourPath || !isOnRecord', 'user.Path === ourPath && !isOnRecord']],
  },
  {
    name: 'a group of our path is taken for ours, whoever is in it',
    file: 'create-admin-group/create-admin-group.ts',
    changes: [['(await membersOf(iam, GroupName)).every(isOnRecord)', 'true']],
  },
  {
    name: 'a password that a person uses is replaced',
    file: 'create-admin-user/create-admin-user.ts',
    changes: [['if (hasSignedIn(User, LoginProfile)) return', '']],
  },
  {
    name: 'a password from before the present login profile counts as used',
    file: 'shared/has-signed-in.ts',
    changes: [['return PasswordLastUsed >= (profile.CreateDate ?? new Date(0))', 'return true']],
  },
  {
    name: 'an error is swallowed',
    file: 'create-admin-user/create-admin-user.ts',
    changes: [
      [
        'iam.send(new AddUserToGroupCommand({ UserName, GroupName: name })),',
        'iam.send(new AddUserToGroupCommand({ UserName, GroupName: name })).catch(() => undefined),',
      ],
    ],
  },
  {
    name: 'a failure is noted as told before it is told',
    file: 'report-failure/report-failure.ts',
    changes: [
      [
        '  return (await tellOnce(ses, mail, note, config)) ? config.notify : []',
        `  const isSent = await note.isSent()
  if (!isSent) await note.recordSent('')
  return (await tellOnce(ses, mail, { ...note, isSent: () => isSent }, config)) ? config.notify : []`,
      ],
    ],
  },
  {
    name: 'a failure is not put on record',
    file: 'report-failure/report-failure.ts',
    changes: [['if (accountId && !redriven)', 'if (accountId && redriven)']],
  },
  {
    name: 'the password leaves its step',
    file: 'create-admin-user/create-admin-user.ts',
    changes: [['return { userName: UserName }', 'console.log(password)\n  return { userName: UserName }']],
  },
  {
    name: 'a secret that is scheduled for deletion keeps its old password',
    file: 'store-password/store-password.ts',
    changes: [
      [
        'await secrets.send(new RestoreSecretCommand({ SecretId: name })).catch(nameMissingSecret)\n      return putNew()',
        'return stored(await secrets.send(new RestoreSecretCommand({ SecretId: name })).catch(nameMissingSecret))',
      ],
    ],
  },
  {
    name: 'the sweep restarts what failed',
    file: 'sweep/sweep.ts',
    changes: [["(status === 'FAILED' || status === 'VENDING')", "status === 'VENDING'"]],
  },
  {
    name: 'the sweep takes an account from before the installation',
    file: 'sweep/sweep.ts',
    changes: [['joinedAt < installedAt || ', '']],
  },
  {
    name: 'the sweep ends an account that the list lacks without asking for it',
    file: 'sweep/sweep.ts',
    changes: [['if (await isDeparted(clients, config, accountId))', 'if (accountId)']],
  },
  {
    name: 'the sweep takes a suspended account for a closed one',
    file: 'sweep/sweep.ts',
    changes: [['if (isClosed({ State })) return', "if (isClosed({ State }) || State === 'SUSPENDED') return"]],
  },
  {
    name: 'the sweep tells again what it told on the same day',
    file: 'sweep/tell-failures.ts',
    changes: [['inNote(clients.ledger, note)', '{ ...inNote(clients.ledger, note), isSent: () => false }']],
  },
  {
    name: 'the secrets of a departed account are kept',
    file: 'sweep/sweep.ts',
    changes: [
      [
        'of new Set([...Object.keys(record.passwords), ...vended]))',
        "of status === 'DEPARTED' ? [] : new Set([...Object.keys(record.passwords), ...vended]))",
      ],
    ],
  },
  {
    name: 'the lease of a departed account is kept',
    file: 'shared/record-and-lease.ts',
    changes: [["    remove: ['lease'],\n", '']],
  },
  {
    name: 'a claim is answered before it is on record',
    file: 'claim-link/claim-link.ts',
    changes: [
      [
        'isOwn(handover) ? handover : await writeClaim(ledger, handover, { ...asked, ...visitor })',
        `isOwn(handover) ? handover : {
            ...handover,
            claim: { linkId: asked.id, nonce: nonceHash(asked.nonce), at: new Date().toISOString(), ...visitor },
          }`,
      ],
      [
        'return boxOf(claimed, claimed.claim)',
        `setTimeout(() => void writeClaim(ledger, handover, { ...asked, ...visitor }).catch(() => undefined), 100)
  return boxOf(claimed, claimed.claim)`,
      ],
    ],
  },
  {
    name: 'a claim has no condition',
    file: 'shared/handover.ts',
    changes: [["      ].join(' AND ')", "      ].join(' AND ') && 'attribute_exists(pk)'"]],
  },
  {
    name: 'a GET claims',
    file: 'claim-link/handler.ts',
    changes: [
      [
        'routeKey, body, isBase64Encoded, requestContext }',
        'routeKey, body, isBase64Encoded, requestContext, queryStringParameters }',
      ],
      ["if (method !== 'POST') return", "if (method !== 'POST' && !event.queryStringParameters) return"],
      ['claimLink(clients, request, visitorOf', 'claimLink(clients, request ?? queryStringParameters, visitorOf'],
    ],
  },
  {
    name: 'the hash of a nonce is compared by its beginning',
    file: 'claim-link/claim-link.ts',
    changes: [['claim.nonce === nonceHash(nonce)', 'claim.nonce.startsWith(nonceHash(nonce).slice(0, 1))']],
  },
  {
    name: 'a box is sealed without its link’s id',
    file: 'shared/sealed-box.ts',
    changes: [
      [
        "await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: utf8(id) }",
        "await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: utf8('') }",
      ],
    ],
  },
  {
    name: 'a link for a new password leaves the earlier links open',
    file: 'shared/handover.ts',
    changes: [
      ['(attribute_not_exists(pk) OR secretVersion <> ${value(secretVersion)})', 'attribute_not_exists(pk)'],
      [
        'set: { updatedAt: madeAt, links: entries({ [id]: link }) },',
        "set: { updatedAt: madeAt, secretVersion, links: entries({ [id]: link }) },\n    remove: ['claim', 'tries'],",
      ],
      [
        '`${isFor(secretVersion)(placeholders)} AND attribute_not_exists(claim)`,\n  })\n  return added',
        "'attribute_exists(pk)',\n  })\n  return added",
      ],
    ],
  },
  {
    name: 'the key of a link leaves its mail',
    file: 'send-login-email/send-login-email.ts',
    changes: [['  const values = {', '  console.log(link?.scalar)\n  const values = {']],
  },
  {
    name: 'the vend of a disowned claim mails',
    file: 'send-login-email/send-login-email.ts',
    changes: [['!secretVersion || admin.silent)', '!secretVersion)']],
  },
  {
    name: 'of two events about a mail, the one that comes last counts',
    file: 'shared/mail-events.ts',
    changes: [[" OR ${name('at')} < ${value(at)})`", " OR ${name('at')} <> ${value(at)})`"]],
  },
  {
    name: 'a mail that bounced is told at every event',
    file: 'record-mail-event/record-mail-event.ts',
    changes: [['isSent: () => mail.told[status] !== undefined', 'isSent: () => false']],
  },
  {
    name: 'a user without a group needs no MFA',
    file: 'shared/mfa-policy.ts',
    changes: [['(admin.groups.length ? admin : add(admin))', '(admin.groups.length ? admin : { ...admin })']],
  },
  {
    name: 'the password policy of vending.yml replaces a stronger one',
    file: 'create-admin-group/password-policy.ts',
    changes: [
      [
        'Math.max(existing.MinimumPasswordLength ?? defaultLength, wanted.minimumPasswordLength)',
        'wanted.minimumPasswordLength',
      ],
    ],
  },
  {
    name: 'CreateAccount is called again without a look at what became of the first call',
    file: 'open-account/open-account.ts',
    changes: [
      [
        "if (intent.triedAt !== undefined || intent.creationFailure === 'EMAIL",
        "if (intent.creationFailure === 'EMAIL",
      ],
    ],
  },
  {
    name: 'an account is adopted by its name alone',
    file: 'open-account/open-account.ts',
    changes: [
      [
        'if (Account && hasAddress(Account, opening)) {\n      await checkIsOwn(clients, AccountId, opening)',
        'if (Account) {',
      ],
    ],
  },
  {
    name: 'a throttled read is taken for a creation that failed',
    file: 'await-account/await-account.ts',
    changes: [
      [
        "      if (isNamed(error, 'CreateAccountStatusNotFoundException')) throw notOpen()",
        "      if (isNamed(error, 'TooManyRequestsException')) return { CreateAccountStatus: { State: 'FAILED' as const } }",
      ],
    ],
  },
  {
    name: 'a request that failed keeps its address for ever',
    file: 'shared/opening.ts',
    changes: [["status === 'declined' || (failure !== undefined && accountId === undefined)", "status === 'declined'"]],
  },
  {
    name: 'an execution is believed that its request is approved',
    file: 'accept-request/accept-opening.ts',
    changes: [["(approval === 'required' || item.needsApproval) && item.approval?.decision !== 'approved'", 'false']],
  },
  {
    name: 'an opening does not wait for its turn',
    file: 'shared/reserve-moment.ts',
    changes: [['if (at <= now) return undefined', 'if (at <= Infinity) return undefined']],
  },
  {
    name: 'CreateAdminGroup is not retried after throttling',
    change: withoutRetry('CreateAdminGroup', 'ThrottlingException'),
  },
  {
    name: 'CreateAdminUser does not wait until IAM has caught up',
    change: withoutRetry('CreateAdminUser', 'NoSuchEntityException'),
  },
  {
    name: 'RecordVended is not retried after its function was killed',
    change: withoutRetry('RecordVended', 'Runtime.ExitError'),
  },
  {
    name: 'an account that just joined is waited for 5 minutes only',
    change: (states) => {
      for (const retrier of states['CreateAdminGroup']?.Retry ?? [])
        if (retrier.ErrorEquals.includes('AccountJustJoinedError')) retrier.MaxAttempts = 20
    },
  },
]
