/** The linters' findings that we accept, each with its reason. If a finding no longer appears, the suite fails. */
export const accepted: { check: string; resources: RegExp; because: string }[] = [
  {
    check: 'W3005',
    resources: /LambdaFunction$|^HttpApi(Route|Stage$)/,
    because: 'osls writes DependsOn in addition to a reference. The repetition does no harm.',
  },
  {
    check: 'CKV_AWS_115',
    resources: /LambdaFunction$/,
    because:
      'Reserved concurrency is taken from the account’s own. The workflow runs at most 5 administrators of an account at a time, and the API is throttled.',
  },
  {
    check: 'CKV_AWS_116',
    resources: /LambdaFunction$/,
    because:
      'Step Functions and API Gateway call synchronously. What is called asynchronously, ReportFailure and Sweep, has DeadLetters as its destination on failure, which this check does not know.',
  },
  {
    check: 'CKV_AWS_117',
    resources: /LambdaFunction$/,
    because:
      'The functions call public AWS APIs only and listen to nobody. In a VPC they would need a NAT gateway or an endpoint for each of nine services.',
  },
  {
    check: 'CKV_AWS_173',
    resources: /LambdaFunction$/,
    because: 'The variables hold names and ARNs. Lambda encrypts them under its own key.',
  },
  {
    check: 'CKV_AWS_119',
    resources: /^Ledger$/,
    because:
      'It is encrypted under the AWS managed key, whose use CloudTrail shows. A key of our own would cost a request to KMS and permissions of nine roles, and keep nobody out who may read the table.',
  },
  {
    check: 'CKV_AWS_27',
    resources: /^DeadLetters$/,
    because: 'SqsManagedSseEnabled encrypts the queue, but this check does not accept that.',
  },
  {
    check: 'CKV_AWS_18',
    resources: /^ServerlessDeploymentBucket$/,
    because:
      'It holds the packaged functions, written by whoever deploys: CloudTrail has that. A log bucket would need one for itself.',
  },
  {
    check: 'CKV_AWS_61',
    resources: /^OperatorRole$/,
    because:
      'It trusts accounts, and no service; the condition on aws:PrincipalArn leaves the operators of vending.yml.',
  },
]
