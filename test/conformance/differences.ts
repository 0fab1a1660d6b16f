/** Known differences of one kind, with what AWS's documentation says. */
export type Difference = {
  /** The page that says it. */
  page: string
  aws: string
  /** Whose answer the documentation bears out; `both` if it does not say. */
  right: 'local' | 'moto' | 'both'
  /** By `service operation: case`, with ` → field` where only a field differs. */
  found: Record<string, [local: string, moto: string]>
}

export const known: Difference[] = [
  {
    page: 'IAM API Reference, CreateUser, CreateGroup, GetUser',
    aws: 'A user’s name has 1 to 64 and a group’s 1 to 128 characters of `[\\w+=,.@-]`; what does not fit its constraint is a ValidationError (Common Errors).',
    right: 'local',
    found: {
      'iam GetUser: by a name that cannot be': ['ValidationError 400', 'NoSuchEntityException 404'],
      'iam CreateUser: with a space in the name': ['ValidationError 400', 'answers'],
      'iam CreateUser: with a name of 65': ['ValidationError 400', 'answers'],
      'iam CreateGroup: with a space in the name': ['ValidationError 400', 'answers'],
      'iam CreateGroup: with a name of 129': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, CreateUser, CreateGroup',
    aws: 'Names must be unique within the account and are not distinguished by case.',
    right: 'local',
    found: {
      'iam CreateUser: of a name in another case': ['EntityAlreadyExistsException 409', 'answers'],
      'iam CreateGroup: of a name in another case': ['EntityAlreadyExistsException 409', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, CreateUser, CreateGroup',
    aws: 'A path is `/`, or begins and ends with one.',
    right: 'local',
    found: {
      'iam CreateUser: with a path that does not end': ['ValidationError 400', 'answers'],
      'iam CreateGroup: with a path that does not begin': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, Tag',
    aws: 'A key has 1 to 128 and a value up to 256 characters of `[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]`. If any tag is invalid, the entire request fails.',
    right: 'local',
    found: {
      'iam CreateUser: with a comma in a tag': ['ValidationError 400', 'answers'],
      'iam CreateUser: with a tag key of 129': ['ValidationError 400', 'answers'],
      'iam CreateUser: with a tag value of 257': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'IAM User Guide, id_tags',
    aws: 'A key is there once; keys are not distinguished by case. The error that CreateUser and TagUser list for it is InvalidInput.',
    right: 'local',
    found: {
      'iam CreateUser: with a tag twice': ['InvalidInputException 400', 'answers'],
      'iam TagUser: twice the same': ['InvalidInputException 400', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, CreateUser',
    aws: 'Tags has at most 50 members, and if there are more the entire request fails.',
    right: 'local',
    found: {
      'iam CreateUser: with 51 tags': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'IAM User Guide, id_tags',
    aws: 'Keys are not distinguished by case, and keep the case they were made with.',
    right: 'local',
    found: {
      'iam TagUser: by a key in another case': [
        '[{"Key":"key0","Value":"new"}]',
        '[{"Key":"KEY0","Value":"new"},{"Key":"key0","Value":"0"}]',
      ],
    },
  },
  {
    page: 'IAM User Guide, reference_iam-quotas',
    aws: 'By default a user has 50 tags, is in 10 groups, and has 10 managed policies; a group has 10 managed policies. Past that it is LimitExceeded.',
    right: 'local',
    found: {
      'iam TagUser: past 50': ['LimitExceededException 409', 'answers'],
      'iam AttachUserPolicy: past ten': ['LimitExceededException 409', 'answers'],
      'iam AddUserToGroup: past ten': ['LimitExceededException 409', 'answers'],
      'iam AttachGroupPolicy: past ten': ['LimitExceededException 409', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, ListUsers, ListGroups, GetGroup',
    aws: 'MaxItems bounds a page, Marker asks for the next, PathPrefix chooses by path.',
    right: 'local',
    found: {
      'iam ListUsers: in pages → pages': ['2', '1'],
      'iam ListGroups: by path prefix → groups': ['["<name>-a","<name>-b"]', '["<name>-a","<name>-b","<name>-c"]'],
      'iam ListGroups: in pages → pages': ['2', '1'],
      'iam GetGroup: in pages → pages': ['2', '1'],
    },
  },
  {
    page: 'IAM API Reference, ListGroups, ListGroupPolicies, GetGroup',
    aws: 'IsTruncated says whether there are more items. A caller that looks for `false` does not find it on moto.',
    right: 'local',
    found: {
      'iam ListGroups: by path prefix → IsTruncated': ['false', 'nothing'],
      'iam GetGroup: with its members → IsTruncated': ['false', 'nothing'],
      'iam ListGroupPolicies: of a group → IsTruncated': ['false', 'nothing'],
      'iam ListGroupPolicies: none → IsTruncated': ['false', 'nothing'],
    },
  },
  {
    page: 'IAM API Reference, CreateLoginProfile',
    aws: 'PasswordResetRequired says whether the user must set a new password at the next sign-in, and is returned. moto drops it.',
    right: 'local',
    found: {
      'iam GetLoginProfile: that must be changed → LoginProfile.PasswordResetRequired': ['true', 'false'],
      'iam CreateLoginProfile: that must be changed → LoginProfile.PasswordResetRequired': ['true', 'false'],
    },
  },
  {
    page: 'IAM User Guide, id_credentials_passwords_account-policy',
    aws: 'A password is held against the account’s policy or, without one, against the default: 8 characters, three of four types. What fails is a PasswordPolicyViolation.',
    right: 'local',
    found: {
      'iam CreateLoginProfile: with a password that the default policy refuses → of one class': [
        'PasswordPolicyViolationException 400',
        'answers',
      ],
      'iam CreateLoginProfile: with a password that the default policy refuses → short': [
        'PasswordPolicyViolationException 400',
        'answers',
      ],
      "iam CreateLoginProfile: with a password that the account's policy refuses → short": [
        'PasswordPolicyViolationException 400',
        'answers',
      ],
      "iam CreateLoginProfile: with a password that the account's policy refuses → without a symbol": [
        'PasswordPolicyViolationException 400',
        'answers',
      ],
      "iam CreateLoginProfile: with a password that the account's policy refuses → without upper case": [
        'PasswordPolicyViolationException 400',
        'answers',
      ],
      'iam UpdateLoginProfile: with a password that the policy refuses': [
        'PasswordPolicyViolationException 400',
        'answers',
      ],
    },
  },
  {
    page: 'IAM API Reference, CreateLoginProfile',
    aws: 'Password has at most 128 characters.',
    right: 'local',
    found: {
      'iam CreateLoginProfile: with a password of 129': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, UpdateLoginProfile, DeleteLoginProfile',
    aws: 'EntityTemporarilyUnmodifiable is an error of both; soon after the creation it is what AWS is seen to answer. The page gives no time, and three seconds is ours.',
    right: 'local',
    found: {
      'iam UpdateLoginProfile: at once': ['EntityTemporarilyUnmodifiableException 409', 'answers'],
      'iam DeleteLoginProfile: at once': ['EntityTemporarilyUnmodifiableException 409', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, UpdateLoginProfile',
    aws: 'PasswordResetRequired is optional; what becomes of it when it is left out is not said.',
    right: 'both',
    found: {
      'iam UpdateLoginProfile: with nothing but a password → LoginProfile.PasswordResetRequired': ['true', 'nothing'],
    },
  },
  {
    page: 'IAM API Reference, PasswordPolicy',
    aws: 'MaxPasswordAge is 1 to 1,095 days. It and HardExpiry are optional; a policy that does not let passwords expire has no days to tell.',
    right: 'local',
    found: {
      'iam GetAccountPasswordPolicy: of an account that has one → PasswordPolicy.HardExpiry': ['nothing', 'false'],
      'iam GetAccountPasswordPolicy: of an account that has one → PasswordPolicy.MaxPasswordAge': ['nothing', '0'],
    },
  },
  {
    page: 'IAM API Reference, AttachGroupPolicy, GetPolicy',
    aws: 'PolicyArn is an ARN of at least 20 characters; both list InvalidInput beside NoSuchEntity.',
    right: 'local',
    found: {
      'iam AttachGroupPolicy: of what is no ARN': ['InvalidInputException 400', 'NoSuchEntityException 404'],
      'iam GetPolicy: of what is no ARN': ['InvalidInputException 400', 'NoSuchEntityException 404'],
    },
  },
  {
    page: 'IAM User Guide, reference_policies_elements_principal',
    aws: 'Principal cannot be used in an identity-based policy.',
    right: 'local',
    found: {
      'iam PutGroupPolicy: with a principal': ['MalformedPolicyDocumentException 400', 'answers'],
    },
  },
  {
    page: 'IAM User Guide, reference_iam-quotas',
    aws: 'The inline policies of a group have at most 5,120 characters, white space aside.',
    right: 'local',
    found: {
      'iam PutGroupPolicy: of more than 5,120 characters': ['LimitExceededException 409', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, GetPolicy',
    aws: 'The version is whatever AWS last published. The local organization has no documents of AWS’s policies, and nothing reads their version.',
    right: 'moto',
    found: {
      "iam GetPolicy: of AWS's → Policy.DefaultVersionId": ['"v1"', '"v30"'],
    },
  },
  {
    page: 'IAM API Reference, Policy',
    aws: 'The number of entities for which the policy is a boundary.',
    right: 'local',
    found: {
      "iam GetPolicy: of AWS's → Policy.PermissionsBoundaryUsageCount": ['0', 'nothing'],
      "iam GetPolicy: of the account's → Policy.PermissionsBoundaryUsageCount": ['0', 'nothing'],
    },
  },
  {
    page: 'IAM API Reference, Policy',
    aws: 'The tags of the policy: whether an empty list is sent is not said.',
    right: 'both',
    found: {
      "iam GetPolicy: of AWS's → Policy.Tags": ['nothing', '[]'],
      "iam GetPolicy: of the account's → Policy.Tags": ['nothing', '[]'],
    },
  },
  {
    page: 'STS API Reference, AssumeRole',
    aws: 'RoleSessionName has 2 to 64 characters of `[\\w+=,.@-]`.',
    right: 'local',
    found: {
      'sts AssumeRole: with a space in the session name': ['ValidationError 400', 'answers'],
      'sts AssumeRole: with a session name of one': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'STS API Reference, AssumeRole',
    aws: 'DurationSeconds is 900 to 43,200.',
    right: 'local',
    found: {
      'sts AssumeRole: for less than 15 minutes': ['ValidationError 400', 'answers'],
      'sts AssumeRole: for more than 12 hours': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'STS API Reference, AssumeRole',
    aws: 'RoleArn is the ARN of a role, of at least 20 characters.',
    right: 'local',
    found: {
      'sts AssumeRole: with what is no ARN': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'STS API Reference, AssumeRole',
    aws: 'The role must exist and its trust policy must name the caller; without that the call is denied, and not said why.',
    right: 'local',
    found: {
      'sts AssumeRole: that is not there': ['AccessDenied 403', 'answers'],
      'sts AssumeRole: of an account that is not there': ['AccessDenied 403', 'answers'],
    },
  },
  {
    page: 'IAM User Guide, id_session-tags, id_credentials_temp_control-access_monitor',
    aws: 'The trust policy must allow sts:SetSourceIdentity and sts:TagSession. The one that Organizations makes allows sts:AssumeRole only.',
    right: 'local',
    found: {
      'sts AssumeRole: with a source identity': ['AccessDenied 403', 'answers'],
      'sts AssumeRole: with session tags': ['AccessDenied 403', 'answers'],
    },
  },
  {
    page: 'STS API Reference, AssumeRole',
    aws: 'A policy that cannot be parsed is MalformedPolicyDocument.',
    right: 'local',
    found: {
      'sts AssumeRole: with a policy that is no JSON': ['MalformedPolicyDocumentException 400', 'answers'],
    },
  },
  {
    page: 'STS API Reference, AssumeRole',
    aws: 'The plaintext of session policies cannot exceed 2,048 characters. Of the errors listed, PackedPolicyTooLarge is the one about size.',
    right: 'local',
    found: {
      'sts AssumeRole: with a policy of more than 2,048 characters': ['PackedPolicyTooLargeException 400', 'answers'],
    },
  },
  {
    page: 'Organizations API Reference, Organization',
    aws: 'Deprecated: do not use.',
    right: 'both',
    found: {
      'organizations DescribeOrganization: by the management account → AvailablePolicyTypes': [
        'nothing',
        '[{"Status":"ENABLED","Type":"SERVICE_CONTROL_POLICY"}]',
      ],
    },
  },
  {
    page: 'Organizations API Reference, DescribeAccount, ListParents, DescribeCreateAccountStatus',
    aws: 'Each id has its pattern; what does not match is InvalidInputException with the reason INVALID_PATTERN.',
    right: 'local',
    found: {
      'organizations DescribeAccount: by what is no id': [
        'InvalidInputException 400, INVALID_PATTERN',
        'AccountNotFoundException 400',
      ],
      'organizations ListParents: of what is no id': [
        'InvalidInputException 400, INVALID_PATTERN',
        'OrganizationalUnitNotFoundException 400',
      ],
      'organizations DescribeCreateAccountStatus: of what is no id': [
        'InvalidInputException 400, INVALID_PATTERN',
        'AccountNotFoundException 400',
      ],
    },
  },
  {
    page: 'Organizations API Reference, DescribeAccount, ListAccounts, CreateAccount',
    aws: 'Only the management account may call it (DescribeAccount and ListAccounts: or a delegated administrator); another is denied.',
    right: 'local',
    found: {
      'organizations DescribeAccount: by a member account': [
        'AccessDeniedException 400',
        'AccountNotFoundException 400',
      ],
      'organizations ListAccounts: by a member account': ['AccessDeniedException 400', 'answers'],
      'organizations CreateAccount: by a member account': [
        'AccessDeniedException 400',
        'AWSOrganizationsNotInUseException 400',
      ],
    },
  },
  {
    page: 'Organizations API Reference, ListParents',
    aws: 'ChildNotFoundException; AccountNotFoundException is not among its errors.',
    right: 'local',
    found: {
      'organizations ListParents: of an account that is not there': [
        'ChildNotFoundException 400',
        'AccountNotFoundException 400',
      ],
    },
  },
  {
    page: 'Organizations API Reference, DescribeCreateAccountStatus',
    aws: 'CreateAccountStatusNotFoundException; AccountNotFoundException is not among its errors.',
    right: 'local',
    found: {
      'organizations DescribeCreateAccountStatus: that is not there': [
        'CreateAccountStatusNotFoundException 400',
        'AccountNotFoundException 400',
      ],
    },
  },
  {
    page: 'Organizations API Reference, CreateAccount',
    aws: 'The request is asynchronous: it is IN_PROGRESS at first, and has neither account nor time of completion.',
    right: 'local',
    found: {
      'organizations CreateAccount: and its end → asked.CreateAccountStatus.State': ['"IN_PROGRESS"', '"SUCCEEDED"'],
      'organizations CreateAccount: and its end → asked.CreateAccountStatus.AccountId': ['nothing', '"<account 1>"'],
      'organizations CreateAccount: and its end → asked.CreateAccountStatus.CompletedTimestamp': [
        'nothing',
        '"<date>"',
      ],
    },
  },
  {
    page: 'Organizations API Reference, CreateAccountStatus',
    aws: 'An address that belongs to an account already: FAILED, with EMAIL_ALREADY_EXISTS.',
    right: 'local',
    found: {
      'organizations CreateAccount: of an address that is taken → CreateAccountStatus.FailureReason': [
        '"EMAIL_ALREADY_EXISTS"',
        'nothing',
      ],
      'organizations CreateAccount: of an address that is taken → CreateAccountStatus.State': [
        '"FAILED"',
        '"SUCCEEDED"',
      ],
      'organizations CreateAccount: of an address that is taken → CreateAccountStatus.AccountId': [
        'nothing',
        '"<account 1>"',
      ],
    },
  },
  {
    page: 'Organizations API Reference, CreateAccount',
    aws: '6 to 64 characters of ASCII, one `@`; a local part that does not begin with a dot, without whitespace and some characters; a domain of letters, digits, hyphens and dots, with a dot inside. Reasons: MIN_LENGTH_EXCEEDED, MAX_LENGTH_EXCEEDED, INVALID_PATTERN.',
    right: 'local',
    found: {
      'organizations CreateAccount: of an address that is too short': [
        'InvalidInputException 400, MIN_LENGTH_EXCEEDED',
        'answers',
      ],
      'organizations CreateAccount: of an address without @': ['InvalidInputException 400, INVALID_PATTERN', 'answers'],
      'organizations CreateAccount: of an address with a space': [
        'InvalidInputException 400, INVALID_PATTERN',
        'answers',
      ],
      'organizations CreateAccount: of an address that begins with a dot': [
        'InvalidInputException 400, INVALID_PATTERN',
        'answers',
      ],
      'organizations CreateAccount: of an address with a hyphen at the end': [
        'InvalidInputException 400, INVALID_PATTERN',
        'answers',
      ],
      'organizations CreateAccount: of an address without a dot in the domain': [
        'InvalidInputException 400, INVALID_PATTERN',
        'answers',
      ],
      'organizations CreateAccount: of an address of 65': ['InvalidInputException 400, MAX_LENGTH_EXCEEDED', 'answers'],
      'organizations CreateAccount: of an address that is not ASCII': [
        'InvalidInputException 400, INVALID_PATTERN',
        'answers',
      ],
    },
  },
  {
    page: 'Organizations API Reference, CreateAccount',
    aws: 'A name has 1 to 50 printable ASCII characters, a role’s 1 to 64 of `[\\w+=,.@-]` (INVALID_ROLE_NAME).',
    right: 'local',
    found: {
      'organizations CreateAccount: of a name of 51': ['InvalidInputException 400, MAX_LENGTH_EXCEEDED', 'answers'],
      'organizations CreateAccount: of a name that is not ASCII': [
        'InvalidInputException 400, INVALID_PATTERN',
        'answers',
      ],
      'organizations CreateAccount: with a role name that cannot be': [
        'InvalidInputException 400, INVALID_ROLE_NAME',
        'answers',
      ],
    },
  },
  {
    page: 'Organizations API Reference, CreateAccount, InvalidInputException, ConstraintViolationException',
    aws: 'If any tag is not valid or there are too many, the entire request fails: DUPLICATE_TAG_KEY, INVALID_PATTERN, MAX_TAG_LIMIT_EXCEEDED.',
    right: 'local',
    found: {
      'organizations CreateAccount: with a tag twice': ['InvalidInputException 400, DUPLICATE_TAG_KEY', 'answers'],
      'organizations CreateAccount: with a comma in a tag': ['InvalidInputException 400, INVALID_PATTERN', 'answers'],
      'organizations CreateAccount: with 51 tags': [
        'ConstraintViolationException 400, MAX_TAG_LIMIT_EXCEEDED',
        'answers',
      ],
    },
  },
  {
    page: 'Organizations User Guide, orgs_reference_limits',
    aws: 'Five accounts are created at a time; past that ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED.',
    right: 'local',
    found: {
      'organizations CreateAccount: past five at once': [
        'ConstraintViolationException 400, ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED',
        'answers',
      ],
    },
  },
  {
    page: 'Secrets Manager API Reference, CreateSecret, PutSecretValue',
    aws: 'A secret that is scheduled for deletion is in no state for it: InvalidRequestException.',
    right: 'local',
    found: {
      'secretsmanager CreateSecret: where one is scheduled for deletion': [
        'InvalidRequestException 400',
        'ResourceExistsException 400',
      ],
      'secretsmanager PutSecretValue: to a secret that is scheduled for deletion': [
        'InvalidRequestException 400',
        'answers',
      ],
    },
  },
  {
    page: 'Secrets Manager API Reference, CreateSecret',
    aws: 'ASCII letters, numbers and `/_+=.@-`.',
    right: 'local',
    found: {
      'secretsmanager CreateSecret: with a space in the name': ['InvalidParameterException 400', 'answers'],
    },
  },
  {
    page: 'Secrets Manager API Reference, CreateSecret',
    aws: 'SecretString has 1 to 65,536 characters.',
    right: 'local',
    found: {
      'secretsmanager CreateSecret: with an empty value': ['InvalidParameterException 400', 'answers'],
      'secretsmanager CreateSecret: with a value of 65,537': ['InvalidParameterException 400', 'answers'],
    },
  },
  {
    page: 'Secrets Manager API Reference, CreateSecret',
    aws: 'Each account has its own secrets. The local organization keeps the management account’s only, where all of this service’s are.',
    right: 'moto',
    found: {
      'secretsmanager CreateSecret: by a member account': ['AccessDeniedException 400', 'answers'],
    },
  },
  {
    page: 'Secrets Manager API Reference, DescribeSecret',
    aws: 'VersionIdsToStages lists the versions that have staging labels; others are deprecated.',
    right: 'local',
    found: {
      'secretsmanager PutSecretValue: of a third version → aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa': ['nothing', '[]'],
    },
  },
  {
    page: 'Secrets Manager API Reference, GetRandomPassword',
    aws: 'PasswordLength is 1 to 4,096; what is not valid is InvalidParameterException. moto’s own name has no such exception, and its second answer is a crash.',
    right: 'local',
    found: {
      'secretsmanager GetRandomPassword: of 4,097': ['InvalidParameterException 400', 'InvalidParameterValue 400'],
      'secretsmanager GetRandomPassword: of nothing': ['InvalidParameterException 400', 'SyntaxError 500'],
    },
  },
  {
    page: 'Secrets Manager API Reference, DeleteSecret',
    aws: 'Deleting what does not exist, by force, is no ResourceNotFoundException. What ARN it then answers is not said.',
    right: 'both',
    found: {
      'secretsmanager DeleteSecret: that is not there, at once → ARN': [
        'nothing',
        '"arn:aws:secretsmanager:us-east-1:<management account>:secret:<name>-<suffix 1>"',
      ],
    },
  },
  {
    page: 'Secrets Manager API Reference, GetSecretValue and others, Errors',
    aws: 'ResourceNotFoundException and InvalidRequestException have the HTTP status code 400.',
    right: 'local',
    found: {
      'secretsmanager PutSecretValue: to a secret that is not there': [
        'ResourceNotFoundException 400',
        'ResourceNotFoundException 404',
      ],
      'secretsmanager DescribeSecret: that is not there': [
        'ResourceNotFoundException 400',
        'ResourceNotFoundException 404',
      ],
      'secretsmanager GetSecretValue: of a version that is not there': [
        'ResourceNotFoundException 400',
        'ResourceNotFoundException 404',
      ],
      'secretsmanager GetSecretValue: of a stage that is not there': [
        'ResourceNotFoundException 400',
        'ResourceNotFoundException 404',
      ],
      'secretsmanager GetSecretValue: of a version that has another stage': [
        'InvalidRequestException 400',
        'InvalidRequestException 404',
      ],
      'secretsmanager GetSecretValue: that is not there': [
        'ResourceNotFoundException 400',
        'ResourceNotFoundException 404',
      ],
      'secretsmanager RestoreSecret: that is not there': [
        'ResourceNotFoundException 400',
        'ResourceNotFoundException 404',
      ],
      'secretsmanager DeleteSecret: that is not there': [
        'ResourceNotFoundException 400',
        'ResourceNotFoundException 404',
      ],
    },
  },
  {
    page: 'SES API Reference, SendEmail',
    aws: 'The message must include at least one recipient.',
    right: 'local',
    found: {
      'ses SendEmail: to nobody': ['InvalidParameterValue 400', 'answers'],
    },
  },
  {
    page: 'EventBridge API Reference, PutEvents',
    aws: 'Entries has 1 to 10 members.',
    right: 'local',
    found: {
      'events PutEvents: of none': ['ValidationException 400', 'answers'],
    },
  },
  {
    page: 'EventBridge API Reference, PutEventsRequestEntry',
    aws: 'Detail, DetailType and Source are required. If no entry of a request has each of them, EventBridge fails the entire request. The error’s name is not said; ValidationException is ours.',
    right: 'local',
    found: {
      'events PutEvents: without a source': ['ValidationException 400', 'answers'],
      'events PutEvents: without a detail type': ['ValidationException 400', 'answers'],
      'events PutEvents: without a detail': ['ValidationException 400', 'answers'],
    },
  },
  {
    page: 'EventBridge API Reference, PutEventsResultEntry',
    aws: 'NotAuthorizedForSourceException: sources that begin with `aws.` are AWS’s own (EventBridge User Guide, eb-events-structure).',
    right: 'local',
    found: {
      "events PutEvents: with a source of AWS's own → Entries.0": ['"NotAuthorizedForSourceException"', 'true'],
      "events PutEvents: with a source of AWS's own → FailedEntryCount": ['1', '0'],
    },
  },
  {
    page: 'EventBridge API Reference, PutEvents',
    aws: 'The total entry size must be less than 1 MB.',
    right: 'local',
    found: {
      'events PutEvents: of more than 1 MB': ['ValidationException 400', 'answers'],
    },
  },
  {
    page: 'Step Functions API Reference, StartExecution',
    aws: 'A name has 1 to 80 characters and no whitespace: InvalidName.',
    right: 'local',
    found: {
      'states StartExecution: with a space in the name': ['InvalidName 400', 'answers'],
      'states StartExecution: with a name of 81': ['InvalidName 400', 'answers'],
    },
  },
  {
    page: 'Step Functions API Reference, StartExecution',
    aws: 'Input is JSON of at most 262,144 bytes: InvalidExecutionInput. moto’s first answer is a crash.',
    right: 'local',
    found: {
      'states StartExecution: with an input that is no JSON': ['InvalidExecutionInput 400', 'TypeError 400'],
      'states StartExecution: with an input of more than 256 KiB': ['InvalidExecutionInput 400', 'answers'],
    },
  },
  {
    page: 'Step Functions API Reference, RedriveExecution',
    aws: 'Goes on after a failure; ExecutionNotRedrivable, ExecutionDoesNotExist. moto does not know the operation and answers with a page.',
    right: 'local',
    found: {
      'states RedriveExecution: that failed': ['answers', 'SyntaxError 500'],
      'states RedriveExecution: that succeeded': ['ExecutionNotRedrivable 400', 'SyntaxError 500'],
      'states RedriveExecution: that is not there': ['ExecutionDoesNotExist 400', 'SyntaxError 500'],
    },
  },
  {
    page: 'Step Functions API Reference, StopExecution, DescribeExecution',
    aws: 'stopDate is returned, error and cause that were given are shown. redriveCount is 0 before a redrive, inputDetails says whether the input is there.',
    right: 'local',
    found: {
      'states StopExecution: that runs → execution.cause': ['"because"', 'nothing'],
      'states StopExecution: that runs → execution.error': ['"OurError"', 'nothing'],
      'states StopExecution: that runs → execution.inputDetails': ['{"included":true}', 'nothing'],
      'states StopExecution: that runs → execution.redriveCount': ['0', 'nothing'],
      'states StopExecution: that runs → stopped.stopDate': ['"<date>"', 'nothing'],
    },
  },
  {
    page: 'Step Functions API Reference, DescribeExecution',
    aws: 'redriveCount is 0 before a redrive; inputDetails says whether the input is there.',
    right: 'local',
    found: {
      'states DescribeExecution: that runs → inputDetails': ['{"included":true}', 'nothing'],
      'states DescribeExecution: that runs → redriveCount': ['0', 'nothing'],
      'states DescribeExecution: that succeeded → inputDetails': ['{"included":true}', 'nothing'],
      'states DescribeExecution: that succeeded → redriveCount': ['0', 'nothing'],
      'states DescribeExecution: that failed → inputDetails': ['{"included":true}', 'nothing'],
      'states DescribeExecution: that failed → redriveCount': ['0', 'nothing'],
    },
  },
  {
    page: 'Organizations API Reference, DescribePolicy, InvalidInputException',
    aws: 'An id has its pattern, and the exception says the reason: INVALID_PATTERN. moto gives none.',
    right: 'local',
    found: {
      'organizations DescribePolicy: of what is no id': [
        'InvalidInputException 400, INVALID_PATTERN',
        'InvalidInputException 400',
      ],
    },
  },
  {
    page: 'CloudTrail API Reference, GetEventSelectors',
    aws: 'A trail has event selectors or advanced ones. Whether an empty list of the others is sent is not said.',
    right: 'both',
    found: {
      'cloudtrail GetEventSelectors: of management events → AdvancedEventSelectors': ['nothing', '[]'],
    },
  },
  {
    page: 'Lambda API Reference, GetAccountSettings; SES API v2 Reference, GetAccount',
    aws: 'Both are operations. moto does not know them and answers with a page.',
    right: 'local',
    found: {
      'ses GetAccount: of version 2': ['answers', 'SyntaxError 404'],
      'lambda GetAccountSettings: of the account': ['answers', 'SyntaxError 404'],
    },
  },
  {
    page: 'SQS API Reference, SendMessage; SQS Developer Guide, quotas-messages',
    aws: 'MessageBody is required, and the smallest message has one character.',
    right: 'local',
    found: { 'sqs SendMessage: without a body': ['MissingParameter 400', 'answers'] },
  },
]
