import type { Mistake } from './mistake.ts'

/** Mistakes in the daily round and in removals. */
export const mistakesInRounds: Mistake[] = (
  [
    {
      name: 'a reminder has no condition',
      file: 'shared/follow.ts',
      changes: [
        ["!reminders.some((days) => days >= due && isDone({ do: 'remind', day: days }))", 'due > 0'],
        ['acts.filter((act) => !isDone(act))', "acts.filter((act) => act.do === 'remind' || !isDone(act))"],
      ],
    },
    {
      name: 'a reminder is put on record before it is sent',
      file: 'follow-up/follow-up.ts',
      changes: [
        [
          'remind: () => sendMail(clients.ses, reminderOf(facts, config), config),',
          `remind: async () => {
      await recordAct(clients.ledger, facts.followUp, act, 'soon')
      return sendMail(clients.ses, reminderOf(facts, config), config)
    },`,
        ],
      ],
    },
    {
      name: 'a finding that is marked counts as mailed',
      file: 'report-round/report-round.ts',
      changes: [['report !== undefined && mailed.has(report)', 'report !== undefined']],
    },
    {
      name: 'a finding is told every day',
      file: 'shared/look.ts',
      changes: [['...(toldAt && { toldAt }), ...(report', '...(report']],
    },
    {
      name: 'a link is renewed again and again',
      file: 'shared/follow.ts',
      changes: [["config.delivery === 'link' && !facts.followUp.isRenewed && ", "config.delivery === 'link' && "]],
    },
    {
      name: 'the removal of the round takes whoever has signed in',
      file: 'remove-administrators/inspect-removal.ts',
      changes: [['=> unclaimed && signsIn', '=> false && unclaimed && signsIn']],
    },
    {
      name: 'a removal takes a user of our path whom somebody else has made',
      file: 'remove-administrators/inspect-removal.ts',
      changes: [['Path === ourPath && isOnRecord(UserName)', 'Path === ourPath']],
    },
    {
      name: 'a removal keeps the secret',
      file: 'remove-administrators/remove-administrators.ts',
      changes: [['    if (!DeletedDate)\n', '    if (DeletedDate)\n']],
    },
    {
      name: 'a look writes into the account',
      file: 'look-at-accounts/read-account.ts',
      changes: [
        [
          'import {\n  GetAccountPasswordPolicyCommand,',
          'import {\n  CreateAccessKeyCommand,\n  GetAccountPasswordPolicyCommand,',
        ],
        [
          'ifFound(iam.send(new ListMFADevicesCommand({ UserName }))),',
          'ifFound(iam.send(new CreateAccessKeyCommand({ UserName })).catch(() => undefined)) && ifFound(iam.send(new ListMFADevicesCommand({ UserName }))),',
        ],
      ],
    },
    {
      name: 'the first account of a batch is dropped',
      file: 'shared/round.ts',
      changes: [['accounts.slice(first, first + batchSize)', 'accounts.slice(first + 1, first + batchSize)']],
    },
    {
      name: 'a secret is ended before the first sign-in',
      file: 'shared/follow.ts',
      changes: [
        ['seen.hasSignedIn && !seen.mustChangePassword && admin.passwordResetRequired', 'admin.passwordResetRequired'],
      ],
    },
    {
      name: 'a secret that has served is kept',
      file: 'shared/follow.ts',
      changes: [["isServed && secretAfterSignIn === 'delete'", "isServed && secretAfterSignIn === 'keep'"]],
    },
    {
      name: 'nobody is told who has not come',
      file: 'look-at-accounts/compare.ts',
      changes: [['  if (!told) return []\n', '  if (told) return []\n  if (!told) return []\n']],
    },
  ] satisfies Mistake[]
).map((mistake) => ({ ...mistake, onlyIn: 'rounds' as const }))
