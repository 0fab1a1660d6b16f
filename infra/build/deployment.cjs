// What vending.yml decides about the deployed resources, for custom.deployment in serverless.yml.
// CommonJS, because osls reads variables from .js and .cjs files only.
const { loadVending, packagedVendingFile } = require('./check-vending.ts')
const { linkRoutes, routeThrottle, throttledRouteIds } = require('./routes.ts')
const { partitionOf, regionIssues } = require('./region.ts')
const { senderAddress, senderIdentities } = require('../../functions/shared/vending.ts')

const vending = loadVending(packagedVendingFile)

const accountRoot = (arn) => arn.replace(/^(arn:[^:]+:iam::\d{12}):.*/, '$1:root')

/**
 * Trusts these principals, by trusting their accounts with a condition. So the principals need not exist yet, and their
 * ARNs may have wildcards.
 */
const trustOf = (arns, partition) => ({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: {
        AWS: arns.length
          ? [...new Set(arns.map(accountRoot))]
          : { 'Fn::Sub': 'arn:${AWS::Partition}:iam::${AWS::AccountId}:root' },
      },
      Action: 'sts:AssumeRole',
      Condition: {
        ArnLike: { 'aws:PrincipalArn': arns.length ? arns : [nobody(partition)] },
      },
    },
  ],
})

const ownSes = (resource) => ({ 'Fn::Sub': 'arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:' + resource })
/** The SES resources that a mail needs. */
const mailResources = [
  ...(vending.senderIdentity
    ? [vending.senderIdentity]
    : senderIdentities(vending).map((identity) => ownSes(`identity/${identity}`))),
  ownSes(`configuration-set/${vending.configurationSet ?? '${ConfigurationSet}'}`),
]

const nobody = (partition) => `arn:${partition}:iam::000000000000:role/nobody`

const enabled = (door) => (vending.automatic === door ? 'ENABLED' : 'DISABLED')

module.exports = ({ options }) => {
  const region = options.region ?? 'us-east-1'
  const issues = regionIssues(vending, region)
  if (issues.length) {
    const message = `this service cannot be packaged:\n${issues.map((issue) => `  ${issue}`).join('\n')}`
    // osls shows the stack of the error to the person who packages.
    throw Object.assign(new Error(message), { stack: message })
  }
  return {
    accessRole: vending.accessRole,
    secretReaders: vending.secretReaders.length ? vending.secretReaders : [nobody(partitionOf(region))],
    linkRoutes: linkRoutes(vending),
    routeThrottle: routeThrottle(vending),
    throttledRouteIds: throttledRouteIds(vending),
    linkDomain: vending.linkDomain ?? {},
    linkDomainResources: vending.linkDomain ? '${file(infra/link-domain.yml)}' : {},
    linkConcurrency: vending.linkConcurrency,
    linkUrl: vending.linkDomain
      ? `https://${vending.linkDomain.name}/link`
      : { 'Fn::Sub': 'https://${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/link' },
    operatorsTrust: trustOf(vending.operators, partitionOf(region)),
    requestersTrust: trustOf(vending.requesters, partitionOf(region)),
    approval: vending.approval ?? 'none',
    approversTrust: trustOf(vending.approvers, partitionOf(region)),
    organizationsRules: enabled('organizations'),
    controlTowerRules: enabled('control-tower'),
    senderAddress: senderAddress(vending),
    mailResources,
    configurationSet: vending.configurationSet ?? { Ref: 'ConfigurationSet' },
    configurationSetResources: vending.configurationSet ? {} : '${file(infra/mail-events.yml)}',
    alarmSubscriptions: vending.notify.map((Endpoint) => ({ Protocol: 'email', Endpoint })),
  }
}
