const management = '111122223333'

const event = (source: string, eventName: string, serviceEventDetails: object) => ({
  version: '0',
  id: '11112222-3333-4444-5555-666677778888',
  'detail-type': 'AWS Service Event via CloudTrail',
  source,
  account: management,
  time: '2026-11-01T09:20:53Z',
  region: 'us-east-1',
  resources: [],
  detail: {
    eventName,
    eventType: 'AwsServiceEvent',
    userIdentity: { accountId: management, invokedBy: 'AWS Internal' },
    recipientAccountId: management,
    serviceEventDetails,
  },
})

export const accountCreated = (accountId: string) =>
  event('aws.organizations', 'CreateAccountResult', {
    createAccountStatus: { id: `car-${accountId}`, state: 'SUCCEEDED', accountName: '****', accountId },
  })

export const accountCreationFailed = (failureReason: string) =>
  event('aws.organizations', 'CreateAccountResult', {
    createAccountStatus: {
      id: `car-${failureReason.toLowerCase()}`,
      state: 'FAILED',
      accountName: '****',
      failureReason,
    },
  })

export const managedAccount = (accountId: string, what: 'Create' | 'Update', state = 'SUCCEEDED') =>
  event('aws.controltower', `${what}ManagedAccount`, {
    [`${what.toLowerCase()}ManagedAccountStatus`]: {
      organizationalUnit: { organizationalUnitName: 'Custom', organizationalUnitId: 'ou-abcd-l3zc8b3h' },
      account: { accountName: 'LifeCycle1', accountId },
      state,
      message: 'What Control Tower says.',
    },
  })

/** Control Tower enabled a baseline for an account, as its auto-enrollment does, or for an organizational unit. */
export const baselineEnabled = (target: string, status = 'SUCCEEDED') =>
  event('aws.controltower', 'EnableBaseline', {
    enableBaselineStatus: {
      enabledBaselineDetails: {
        targetIdentifier: `arn:aws:organizations::${management}:${target}`,
        statusSummary: { status },
      },
    },
  })

export const accountJoined = (accountId: string) => ({
  ...event('aws.organizations', 'AccountJoinedOrganization', {}),
  detail: { eventName: 'AccountJoinedOrganization', accountId, joinedMethod: 'Invited' },
})
