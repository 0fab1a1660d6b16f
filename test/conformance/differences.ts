/** Known differences of one kind, and what AWS's documentation says about them. */
export type Difference = {
  /** The page of the documentation. */
  page: string
  aws: string
  /** The side that the documentation confirms; `both` if the documentation allows both answers. */
  right: 'local' | 'moto' | 'both'
  /** By `service operation: case`; ` → field` follows where only one field differs. */
  found: Record<string, [local: string, moto: string]>
}

export const known: Difference[] = [
  {
    page: 'IAM API Reference, ListOrganizationsFeatures',
    aws: 'Only the management account and a delegated administrator may call this operation. moto does not have the operation.',
    right: 'local',
    found: {
      'iam ListOrganizationsFeatures: of a member account': [
        'AccountNotManagementOrDelegatedAdministratorException 400',
        'Error 500',
      ],
    },
  },
  {
    page: 'IAM API Reference, CreateUser, CreateGroup, GetUser, GetRole',
    aws: 'The name of a user or role has 1 to 64 characters of `[\\w+=,.@-]`, and a group’s name has 1 to 128. A parameter that violates its constraint leads to a ValidationError (Common Errors).',
    right: 'local',
    found: {
      'iam GetUser: by a name that is not valid': ['ValidationError 400', 'NoSuchEntityException 404'],
      'iam GetRole: by a name that is not valid': ['ValidationError 400', 'NoSuchEntityException 404'],
      'iam CreateUser: with a space in the name': ['ValidationError 400', 'answers'],
      'iam CreateUser: with a name of 65 characters': ['ValidationError 400', 'answers'],
      'iam CreateGroup: with a space in the name': ['ValidationError 400', 'answers'],
      'iam CreateGroup: with a name of 129 characters': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, CreateUser, CreateGroup',
    aws: 'Names must be unique within the account, and their case is ignored.',
    right: 'local',
    found: {
      'iam CreateUser: of a name in another case': ['EntityAlreadyExistsException 409', 'answers'],
      'iam CreateGroup: of a name in another case': ['EntityAlreadyExistsException 409', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, CreateUser, CreateGroup',
    aws: 'A path is `/`, or begins and ends with `/`.',
    right: 'local',
    found: {
      'iam CreateUser: with a path that does not end with a slash': ['ValidationError 400', 'answers'],
      'iam CreateGroup: with a path that does not begin with a slash': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, Tag',
    aws: 'A key has 1 to 128 and a value up to 256 characters of `[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]`. If any tag is invalid, the entire request fails.',
    right: 'local',
    found: {
      'iam CreateUser: with a comma in a tag': ['ValidationError 400', 'answers'],
      'iam CreateUser: with a tag key of 129 characters': ['ValidationError 400', 'answers'],
      'iam CreateUser: with a tag value of 257 characters': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'IAM User Guide, id_tags',
    aws: 'Each key may appear only once, and the case of keys is ignored. The error that CreateUser and TagUser list for a duplicate key is InvalidInput.',
    right: 'local',
    found: {
      'iam CreateUser: with a tag twice': ['InvalidInputException 400', 'answers'],
      'iam TagUser: twice the same': ['InvalidInputException 400', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, CreateUser',
    aws: 'Tags has at most 50 members. If there are more, the entire request fails.',
    right: 'local',
    found: {
      'iam CreateUser: with 51 tags': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'IAM User Guide, id_tags',
    aws: 'The case of keys is ignored. A key keeps the case with which it was created.',
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
    aws: 'By default, a user has at most 50 tags, 10 groups and 10 managed policies, and a group has at most 10 managed policies. A request beyond a quota fails with LimitExceeded.',
    right: 'local',
    found: {
      'iam TagUser: with a 51st tag': ['LimitExceededException 409', 'answers'],
      'iam AttachUserPolicy: of an eleventh policy': ['LimitExceededException 409', 'answers'],
      'iam AddUserToGroup: to an eleventh group': ['LimitExceededException 409', 'answers'],
      'iam AttachGroupPolicy: of an eleventh policy': ['LimitExceededException 409', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, ListUsers, ListGroups, GetGroup',
    aws: 'MaxItems limits the size of a page, Marker requests the next page, and PathPrefix filters by path.',
    right: 'local',
    found: {
      'iam ListUsers: in pages → pages': ['2', '1'],
      'iam ListGroups: by path prefix → groups': ['["<name>-a","<name>-b"]', '["<name>-a","<name>-b","<name>-c"]'],
      'iam ListGroups: in pages → pages': ['2', '1'],
      'iam GetGroup: in pages → pages': ['2', '1'],
    },
  },
  {
    page: 'IAM API Reference, GetAccountAuthorizationDetails',
    aws: 'MaxItems is the most items of a page, and Marker requests the next page. moto answers everything in one page.',
    right: 'local',
    found: { 'iam GetAccountAuthorizationDetails: in pages → keepsToThePage': ['true', 'false'] },
  },
  {
    page: 'IAM API Reference, GetAccountAuthorizationDetails',
    aws: 'Each filter is User, Role, Group, LocalManagedPolicy or AWSManagedPolicy. A parameter that violates its constraint leads to a ValidationError (Common Errors).',
    right: 'local',
    found: {
      'iam GetAccountAuthorizationDetails: with a kind that does not exist': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, ListGroups, ListGroupPolicies, GetGroup',
    aws: 'IsTruncated says whether there are more items. moto leaves IsTruncated out instead of returning `false`.',
    right: 'local',
    found: {
      'iam ListGroups: by path prefix → IsTruncated': ['false', 'nothing'],
      'iam ListAccessKeys: of a user with one → IsTruncated': ['false', 'nothing'],
      'iam DeleteAccessKey: of a key that exists → left.IsTruncated': ['false', 'nothing'],
      'iam ListSigningCertificates: of a user without one → IsTruncated': ['false', 'nothing'],
      'iam ListSSHPublicKeys: of a user without one → IsTruncated': ['false', 'nothing'],
      'iam DeleteGroupPolicy: of a policy that exists → left.IsTruncated': ['false', 'nothing'],
      'iam GetGroup: with its members → IsTruncated': ['false', 'nothing'],
      'iam ListGroupPolicies: of a group → IsTruncated': ['false', 'nothing'],
      'iam ListGroupPolicies: none → IsTruncated': ['false', 'nothing'],
    },
  },
  {
    page: 'IAM API Reference, CreateLoginProfile',
    aws: 'PasswordResetRequired says whether the user must set a new password at the next sign-in, and AWS returns PasswordResetRequired. moto ignores PasswordResetRequired.',
    right: 'local',
    found: {
      'iam GetLoginProfile: with a password that must be changed → LoginProfile.PasswordResetRequired': [
        'true',
        'false',
      ],
      'iam CreateLoginProfile: with a password that must be changed → LoginProfile.PasswordResetRequired': [
        'true',
        'false',
      ],
    },
  },
  {
    page: 'IAM User Guide, id_credentials_passwords_account-policy',
    aws: 'A password must satisfy the account’s password policy. Without one, the default policy applies: 8 characters, three of four character types. Otherwise the error is PasswordPolicyViolation.',
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
      'iam CreateLoginProfile: with a password of 129 characters': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, UpdateLoginProfile, DeleteLoginProfile',
    aws: 'Both operations list the error EntityTemporarilyUnmodifiable, and AWS has been seen to return it soon after the creation. The API Reference gives no time. The local organization returns this error for three seconds after the creation: this number is our choice.',
    right: 'local',
    found: {
      'iam UpdateLoginProfile: at once': ['EntityTemporarilyUnmodifiableException 409', 'answers'],
      'iam DeleteLoginProfile: at once': ['EntityTemporarilyUnmodifiableException 409', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, DeleteUser',
    aws: 'Before a user can be deleted through the API, the items that are attached to the user must be deleted, for example the password, access keys, MFA device and group memberships. Otherwise the error is DeleteConflict.',
    right: 'local',
    found: {
      'iam DeleteUser: with a login profile': ['DeleteConflictException 409', 'answers'],
      'iam DeleteUser: with an access key': ['DeleteConflictException 409', 'answers'],
      'iam DeleteUser: with an MFA device': ['DeleteConflictException 409', 'answers'],
      'iam DeleteUser: in a group': ['DeleteConflictException 409', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, DeleteGroup',
    aws: 'The group must not contain any users or have any attached policies. The error is DeleteConflict.',
    right: 'local',
    found: {
      'iam DeleteGroup: with a member': ['DeleteConflictException 409', 'answers'],
      'iam DeleteGroup: with a policy': ['DeleteConflictException 409', 'answers'],
      'iam DeleteGroup: with an inline policy': ['DeleteConflictException 409', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, DeleteVirtualMFADevice',
    aws: 'A device that is assigned to a user must be deactivated first. The error is DeleteConflict.',
    right: 'local',
    found: {
      'iam DeleteVirtualMFADevice: of a device that a user has': ['DeleteConflictException 409', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, EnableMFADevice',
    aws: 'SerialNumber names the device, and the operation lists the error NoSuchEntity.',
    right: 'local',
    found: {
      'iam EnableMFADevice: of a device that is not there': ['NoSuchEntityException 404', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, ListServiceSpecificCredentials, DeleteServiceSpecificCredential',
    aws: 'Both operations exist. moto does not have them.',
    right: 'local',
    found: {
      'iam ListServiceSpecificCredentials: of a user without one': ['answers', 'Error 500'],
      'iam ListServiceSpecificCredentials: of a user that does not exist': ['NoSuchEntityException 404', 'Error 500'],
      'iam DeleteServiceSpecificCredential: of a user without one': ['NoSuchEntityException 404', 'Error 500'],
      'iam DeleteServiceSpecificCredential: of a user that does not exist': ['NoSuchEntityException 404', 'Error 500'],
    },
  },
  {
    page: 'IAM API Reference, UpdateLoginProfile',
    aws: 'PasswordResetRequired is optional. The page does not say what happens to the value if the parameter is left out.',
    right: 'both',
    found: {
      'iam UpdateLoginProfile: with nothing but a password → LoginProfile.PasswordResetRequired': ['true', 'nothing'],
    },
  },
  {
    page: 'IAM API Reference, PasswordPolicy',
    aws: 'MaxPasswordAge is 1 to 1,095 days. MaxPasswordAge and HardExpiry are optional. If passwords do not expire, there is no number of days to return.',
    right: 'local',
    found: {
      'iam GetAccountPasswordPolicy: of an account that has one → PasswordPolicy.HardExpiry': ['nothing', 'false'],
      'iam GetAccountPasswordPolicy: of an account that has one → PasswordPolicy.MaxPasswordAge': ['nothing', '0'],
      'iam UpdateAccountPasswordPolicy: replaces what was set before → after.HardExpiry': ['nothing', 'false'],
      'iam UpdateAccountPasswordPolicy: replaces what was set before → after.MaxPasswordAge': ['nothing', '0'],
    },
  },
  {
    page: 'IAM API Reference, UpdateAccountPasswordPolicy',
    aws: 'MinimumPasswordLength is 6 to 128, and MaxPasswordAge is 1 to 1,095. Passwords never expire if MaxPasswordAge is left out.',
    right: 'local',
    found: {
      'iam UpdateAccountPasswordPolicy: with a length of 5 characters': ['ValidationError 400', 'answers'],
      'iam UpdateAccountPasswordPolicy: with an age of 0 days': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, AttachGroupPolicy, GetPolicy',
    aws: 'PolicyArn is an ARN of at least 20 characters. Both operations list InvalidInput as well as NoSuchEntity.',
    right: 'local',
    found: {
      'iam AttachGroupPolicy: with a value that is not an ARN': [
        'InvalidInputException 400',
        'NoSuchEntityException 404',
      ],
      'iam GetPolicy: with a value that is not an ARN': ['InvalidInputException 400', 'NoSuchEntityException 404'],
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
    aws: 'The inline policies of a group have at most 5,120 characters, not counting white space.',
    right: 'local',
    found: {
      'iam PutGroupPolicy: of more than 5,120 characters': ['LimitExceededException 409', 'answers'],
    },
  },
  {
    page: 'IAM User Guide, reference_iam-quotas',
    aws: 'The inline policies of a user have at most 2,048 characters, not counting white space.',
    right: 'local',
    found: {
      'iam PutUserPolicy: of more than 2,048 characters': ['LimitExceededException 409', 'answers'],
    },
  },
  {
    page: 'IAM API Reference, GetPolicy',
    aws: 'The version is the one that AWS published last. The local organization does not contain the documents of AWS managed policies, and nothing reads their version.',
    right: 'moto',
    found: {
      'iam GetPolicy: of an AWS managed policy → Policy.DefaultVersionId': ['"v1"', '"v30"'],
    },
  },
  {
    page: 'IAM API Reference, Policy',
    aws: 'The field is the number of entities for which the policy is a permissions boundary.',
    right: 'local',
    found: {
      'iam GetPolicy: of an AWS managed policy → Policy.PermissionsBoundaryUsageCount': ['0', 'nothing'],
      'iam GetPolicy: of a customer managed policy → Policy.PermissionsBoundaryUsageCount': ['0', 'nothing'],
    },
  },
  {
    page: 'IAM API Reference, Policy',
    aws: 'The field has the tags of the policy. The page does not say whether an empty list is returned.',
    right: 'both',
    found: {
      'iam GetPolicy: of an AWS managed policy → Policy.Tags': ['nothing', '[]'],
      'iam GetPolicy: of a customer managed policy → Policy.Tags': ['nothing', '[]'],
    },
  },
  {
    page: 'STS API Reference, AssumeRole',
    aws: 'RoleSessionName has 2 to 64 characters of `[\\w+=,.@-]`.',
    right: 'local',
    found: {
      'sts AssumeRole: with a space in the session name': ['ValidationError 400', 'answers'],
      'sts AssumeRole: with a session name of one character': ['ValidationError 400', 'answers'],
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
      'sts AssumeRole: with a value that is not an ARN': ['ValidationError 400', 'answers'],
    },
  },
  {
    page: 'STS API Reference, AssumeRole',
    aws: 'The role must exist, and its trust policy must name the caller. Otherwise the call is denied without a reason.',
    right: 'local',
    found: {
      'sts AssumeRole: of a role that does not exist': ['AccessDenied 403', 'answers'],
      'sts AssumeRole: of an account that is not there': ['AccessDenied 403', 'answers'],
    },
  },
  {
    page: 'STS API Reference, AssumeRoot; IAM User Guide, id_root-enable-root-access',
    aws: 'The management account opens a session of at most 900 seconds for the root user of a member account, with one of five task policies. moto does not have the operation.',
    right: 'local',
    found: {
      'sts AssumeRoot: of a member account': ['answers', 'Error 500'],
      'sts AssumeRoot: of the management account': ['AccessDenied 403', 'Error 500'],
      'sts AssumeRoot: of an account that does not exist': ['AccessDenied 403', 'Error 500'],
      'sts AssumeRoot: for more than 15 minutes': ['ValidationError 400', 'Error 500'],
    },
  },
  {
    page: 'IAM User Guide, id_session-tags, id_credentials_temp_control-access_monitor',
    aws: 'The trust policy must allow sts:SetSourceIdentity and sts:TagSession. The trust policy that Organizations creates allows only sts:AssumeRole.',
    right: 'local',
    found: {
      'sts AssumeRole: with a source identity': ['AccessDenied 403', 'answers'],
      'sts AssumeRole: with session tags': ['AccessDenied 403', 'answers'],
    },
  },
  {
    page: 'STS API Reference, AssumeRole',
    aws: 'A policy that cannot be parsed leads to MalformedPolicyDocument.',
    right: 'local',
    found: {
      'sts AssumeRole: with a policy that is not JSON': ['MalformedPolicyDocumentException 400', 'answers'],
    },
  },
  {
    page: 'STS API Reference, AssumeRole',
    aws: 'The plaintext of session policies cannot exceed 2,048 characters. Of the listed errors, only PackedPolicyTooLarge is about size.',
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
    aws: 'Each id must match its pattern. Otherwise the error is InvalidInputException with the reason INVALID_PATTERN.',
    right: 'local',
    found: {
      'organizations DescribeAccount: with a value that is not an id': [
        'InvalidInputException 400, INVALID_PATTERN',
        'AccountNotFoundException 400',
      ],
      'organizations ListParents: with a value that is not an id': [
        'InvalidInputException 400, INVALID_PATTERN',
        'OrganizationalUnitNotFoundException 400',
      ],
      'organizations DescribeCreateAccountStatus: with a value that is not an id': [
        'InvalidInputException 400, INVALID_PATTERN',
        'AccountNotFoundException 400',
      ],
    },
  },
  {
    page: 'Organizations API Reference, DescribeAccount, ListAccounts, CreateAccount',
    aws: 'Only the management account may call these operations (for DescribeAccount and ListAccounts also a delegated administrator). Any other account is denied.',
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
    aws: 'The error is ChildNotFoundException. The page does not list AccountNotFoundException.',
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
    aws: 'The error is CreateAccountStatusNotFoundException. The page does not list AccountNotFoundException.',
    right: 'local',
    found: {
      'organizations DescribeCreateAccountStatus: of a creation that does not exist': [
        'CreateAccountStatusNotFoundException 400',
        'AccountNotFoundException 400',
      ],
    },
  },
  {
    page: 'Organizations API Reference, CreateAccount',
    aws: 'The request is asynchronous. At first its state is IN_PROGRESS, and it has neither an account id nor a completion time.',
    right: 'local',
    found: {
      'organizations CreateAccount: until the account exists → asked.CreateAccountStatus.State': [
        '"IN_PROGRESS"',
        '"SUCCEEDED"',
      ],
      'organizations CreateAccount: until the account exists → asked.CreateAccountStatus.AccountId': [
        'nothing',
        '"<account 1>"',
      ],
      'organizations CreateAccount: until the account exists → asked.CreateAccountStatus.CompletedTimestamp': [
        'nothing',
        '"<date>"',
      ],
    },
  },
  {
    page: 'Organizations API Reference, CreateAccountStatus',
    aws: 'If the address already belongs to an account, the state is FAILED and the reason is EMAIL_ALREADY_EXISTS.',
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
    aws: 'An address has 6 to 64 ASCII characters and one `@`. The local part does not begin with a dot, and contains no white space and none of some other characters. The domain consists of letters, digits, hyphens and dots, with a dot inside. Reasons: MIN_LENGTH_EXCEEDED, MAX_LENGTH_EXCEEDED, INVALID_PATTERN.',
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
      'organizations CreateAccount: of an address of 65 characters': [
        'InvalidInputException 400, MAX_LENGTH_EXCEEDED',
        'answers',
      ],
      'organizations CreateAccount: of an address that is not ASCII': [
        'InvalidInputException 400, INVALID_PATTERN',
        'answers',
      ],
    },
  },
  {
    page: 'Organizations API Reference, CreateAccount',
    aws: 'An account’s name has 1 to 50 printable ASCII characters. A role’s name has 1 to 64 characters of `[\\w+=,.@-]` (INVALID_ROLE_NAME).',
    right: 'local',
    found: {
      'organizations CreateAccount: of a name of 51 characters': [
        'InvalidInputException 400, MAX_LENGTH_EXCEEDED',
        'answers',
      ],
      'organizations CreateAccount: of a name that is not ASCII': [
        'InvalidInputException 400, INVALID_PATTERN',
        'answers',
      ],
      'organizations CreateAccount: with a role name that is not valid': [
        'InvalidInputException 400, INVALID_ROLE_NAME',
        'answers',
      ],
    },
  },
  {
    page: 'Organizations API Reference, CreateAccount, InvalidInputException, ConstraintViolationException',
    aws: 'If a tag is not valid, or if there are too many tags, the entire request fails: DUPLICATE_TAG_KEY, INVALID_PATTERN, MAX_TAG_LIMIT_EXCEEDED.',
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
    aws: 'At most five accounts can be created at the same time. A sixth request fails with ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED.',
    right: 'local',
    found: {
      'organizations CreateAccount: of a sixth account at the same time': [
        'ConstraintViolationException 400, ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED',
        'answers',
      ],
    },
  },
  {
    page: 'Secrets Manager API Reference, CreateSecret, PutSecretValue',
    aws: 'The operation is not possible while the secret is scheduled for deletion: InvalidRequestException.',
    right: 'local',
    found: {
      'secretsmanager CreateSecret: with the name of a secret that is scheduled for deletion': [
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
    aws: 'A name consists of ASCII letters, numbers and `/_+=.@-`.',
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
      'secretsmanager CreateSecret: with a value of 65,537 characters': ['InvalidParameterException 400', 'answers'],
    },
  },
  {
    page: 'Secrets Manager API Reference, CreateSecret',
    aws: 'Each account has its own secrets. The local organization keeps only the secrets of the management account, because this service stores all of its secrets there.',
    right: 'moto',
    found: {
      'secretsmanager CreateSecret: by a member account': ['AccessDeniedException 400', 'answers'],
    },
  },
  {
    page: 'Secrets Manager API Reference, DescribeSecret',
    aws: 'VersionIdsToStages lists only the versions that have staging labels. Other versions are deprecated.',
    right: 'local',
    found: {
      'secretsmanager PutSecretValue: of a third version → oldest': ['nothing', '[]'],
    },
  },
  {
    page: 'Secrets Manager API Reference, GetRandomPassword',
    aws: 'PasswordLength is 1 to 4,096. Otherwise the error is InvalidParameterException. AWS has no error of the name InvalidParameterValue.',
    right: 'local',
    found: {
      'secretsmanager GetRandomPassword: of 4,097 characters': [
        'InvalidParameterException 400',
        'InvalidParameterValue 400',
      ],
    },
  },
  {
    page: 'Secrets Manager API Reference, GetRandomPassword',
    aws: 'The error for a parameter that is not valid is InvalidParameterException. The page does not say more about a request that excludes every character. moto crashes.',
    right: 'local',
    found: {
      'secretsmanager GetRandomPassword: with every character excluded': [
        'InvalidParameterException 400',
        'SyntaxError 500',
      ],
    },
  },
  {
    page: 'Secrets Manager API Reference, DeleteSecret',
    aws: 'If you force the deletion of a secret that does not exist, there is no ResourceNotFoundException. The page does not say which ARN is then returned.',
    right: 'both',
    found: {
      'secretsmanager DeleteSecret: of a secret that does not exist, at once → ARN': [
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
      'secretsmanager DescribeSecret: of a secret that does not exist': [
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
      'secretsmanager GetSecretValue: of a secret that does not exist': [
        'ResourceNotFoundException 400',
        'ResourceNotFoundException 404',
      ],
      'secretsmanager RestoreSecret: of a secret that does not exist': [
        'ResourceNotFoundException 400',
        'ResourceNotFoundException 404',
      ],
      'secretsmanager DeleteSecret: of a secret that does not exist': [
        'ResourceNotFoundException 400',
        'ResourceNotFoundException 404',
      ],
    },
  },
  {
    page: 'SES API Reference, VerifyEmailIdentity',
    aws: 'SES mails the address a link. The address is verified when somebody has opened the link.',
    right: 'local',
    found: {
      'ses VerifyEmailIdentity: of an address that is not verified → status': ['"Pending"', '"Success"'],
    },
  },
  {
    page: 'SES API Reference, SendEmail',
    aws: 'The message must include at least one recipient.',
    right: 'local',
    found: {
      'ses SendEmail: to no recipient': ['InvalidParameterValue 400', 'answers'],
    },
  },
  {
    page: 'EventBridge API Reference, PutEvents',
    aws: 'Entries has 1 to 10 members.',
    right: 'local',
    found: {
      'events PutEvents: of no events': ['ValidationException 400', 'answers'],
    },
  },
  {
    page: 'EventBridge API Reference, PutEventsRequestEntry',
    aws: 'Detail, DetailType and Source are required. If no entry of a request has all three, the entire request fails. The page does not name the error; ValidationException is our choice.',
    right: 'local',
    found: {
      'events PutEvents: without a source': ['ValidationException 400', 'answers'],
      'events PutEvents: without a detail type': ['ValidationException 400', 'answers'],
      'events PutEvents: without a detail': ['ValidationException 400', 'answers'],
    },
  },
  {
    page: 'EventBridge API Reference, PutEventsResultEntry',
    aws: 'Only AWS may use sources that begin with `aws.` (EventBridge User Guide, eb-events-structure). Other callers get NotAuthorizedForSourceException.',
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
    aws: 'A name has 1 to 80 characters and no white space. Otherwise the error is InvalidName.',
    right: 'local',
    found: {
      'states StartExecution: with a space in the name': ['InvalidName 400', 'answers'],
      'states StartExecution: with a name of 81 characters': ['InvalidName 400', 'answers'],
    },
  },
  {
    page: 'Step Functions API Reference, StartExecution',
    aws: 'Input is JSON. Otherwise the error is InvalidExecutionInput. moto crashes.',
    right: 'local',
    found: {
      'states StartExecution: with an input that is not JSON': ['InvalidExecutionInput 400', 'TypeError 400'],
    },
  },
  {
    page: 'Step Functions API Reference, StartExecution',
    aws: 'Input has at most 262,144 bytes. Otherwise the error is InvalidExecutionInput.',
    right: 'local',
    found: {
      'states StartExecution: with an input of more than 256 KiB': ['InvalidExecutionInput 400', 'answers'],
    },
  },
  {
    page: 'Step Functions API Reference, RedriveExecution',
    aws: 'The operation continues a failed execution. Its errors are ExecutionNotRedrivable and ExecutionDoesNotExist. moto does not have the operation and returns an HTML page.',
    right: 'local',
    found: {
      'states RedriveExecution: of an execution that failed': ['answers', 'SyntaxError 500'],
      'states RedriveExecution: of an execution that succeeded': ['ExecutionNotRedrivable 400', 'SyntaxError 500'],
      'states RedriveExecution: of an execution that does not exist': ['ExecutionDoesNotExist 400', 'SyntaxError 500'],
    },
  },
  {
    page: 'Step Functions API Reference, DescribeStateMachineForExecution',
    aws: 'The error for an execution that does not exist is ExecutionDoesNotExist.',
    right: 'local',
    found: {
      'states DescribeStateMachineForExecution: of an execution that does not exist': [
        'ExecutionDoesNotExist 400',
        'ResourceNotFound 400',
      ],
    },
  },
  {
    page: 'Step Functions API Reference, StopExecution, DescribeExecution',
    aws: 'StopExecution returns stopDate. DescribeExecution then returns the error and cause that the caller gave, redriveCount (0 before a redrive), and inputDetails, which says whether the input is included.',
    right: 'local',
    found: {
      'states StopExecution: of a running execution → execution.cause': ['"because"', 'nothing'],
      'states StopExecution: of a running execution → execution.error': ['"OurError"', 'nothing'],
      'states StopExecution: of a running execution → execution.inputDetails': ['{"included":true}', 'nothing'],
      'states StopExecution: of a running execution → execution.redriveCount': ['0', 'nothing'],
      'states StopExecution: of a running execution → execution.redriveStatus': ['"REDRIVABLE"', 'nothing'],
      'states StopExecution: of a running execution → stopped.stopDate': ['"<date>"', 'nothing'],
    },
  },
  {
    page: 'Step Functions API Reference, DescribeExecution, ListExecutions',
    aws: 'redriveCount is 0 before a redrive. redriveStatus says whether the execution can be redriven, and redriveStatusReason why it cannot. inputDetails says whether the input is included.',
    right: 'local',
    found: {
      'states DescribeExecution: of a running execution → inputDetails': ['{"included":true}', 'nothing'],
      'states DescribeExecution: of a running execution → redriveCount': ['0', 'nothing'],
      'states DescribeExecution: of a running execution → redriveStatus': ['"NOT_REDRIVABLE"', 'nothing'],
      'states DescribeExecution: of a running execution → redriveStatusReason': [
        '"Execution is RUNNING and cannot be redriven"',
        'nothing',
      ],
      'states DescribeExecution: of an execution that succeeded → inputDetails': ['{"included":true}', 'nothing'],
      'states DescribeExecution: of an execution that succeeded → redriveCount': ['0', 'nothing'],
      'states DescribeExecution: of an execution that succeeded → redriveStatus': ['"NOT_REDRIVABLE"', 'nothing'],
      'states DescribeExecution: of an execution that succeeded → redriveStatusReason': [
        '"Execution is SUCCEEDED and cannot be redriven"',
        'nothing',
      ],
      'states DescribeExecution: of an execution that failed → inputDetails': ['{"included":true}', 'nothing'],
      'states DescribeExecution: of an execution that failed → redriveCount': ['0', 'nothing'],
      'states DescribeExecution: of an execution that failed → redriveStatus': ['"REDRIVABLE"', 'nothing'],
      'states ListExecutions: with an execution that succeeded → redriveCount': ['0', 'nothing'],
    },
  },
  {
    page: 'Organizations API Reference, DescribePolicy, InvalidInputException',
    aws: 'An id must match its pattern, and the exception contains the reason INVALID_PATTERN. moto gives no reason.',
    right: 'local',
    found: {
      'organizations DescribePolicy: with a value that is not an id': [
        'InvalidInputException 400, INVALID_PATTERN',
        'InvalidInputException 400',
      ],
    },
  },
  {
    page: 'CloudTrail API Reference, GetEventSelectors',
    aws: 'A trail has either event selectors or advanced event selectors. The page does not say whether an empty list of the other kind is returned.',
    right: 'both',
    found: {
      'cloudtrail GetEventSelectors: of management events → AdvancedEventSelectors': ['nothing', '[]'],
    },
  },
  {
    page: 'Lambda API Reference, GetAccountSettings; SES API v2 Reference, GetAccount and GetConfigurationSetEventDestinations',
    aws: 'These operations exist. moto does not have them and returns an HTML page.',
    right: 'local',
    found: {
      'ses GetAccount: of version 2': ['answers', 'SyntaxError 404'],
      'ses GetConfigurationSetEventDestinations: of a set that is not there': [
        'NotFoundException 404',
        'SyntaxError 404',
      ],
      'lambda GetAccountSettings: of the account': ['answers', 'SyntaxError 404'],
    },
  },
  {
    page: 'SQS API Reference, SendMessage; SQS Developer Guide, quotas-messages',
    aws: 'MessageBody is required, and the smallest message has one character.',
    right: 'local',
    found: { 'sqs SendMessage: without a body': ['MissingParameter 400', 'answers'] },
  },
  {
    page: 'Organizations API model, Account, OrganizationalUnit',
    aws: 'Accounts and organizational units contain their path, which ends with a slash. moto does not have these fields yet.',
    right: 'local',
    found: {
      'organizations DescribeAccount: of an account that was created → Account.Paths': [
        '["<organization 1>/<root 1>/<account 1>/"]',
        'nothing',
      ],
      'organizations ListAccounts: with an account that was created → 0.Paths': [
        '["<organization 1>/<root 1>/<account 1>/"]',
        'nothing',
      ],
      'organizations ListOrganizationalUnitsForParent: of the root → 0.Path': [
        '"<organization 1>/<root 1>/<unit 1>/"',
        'nothing',
      ],
      'organizations DescribeOrganizationalUnit: of a unit that exists → OrganizationalUnit.Path': [
        '"<organization 1>/<root 1>/<unit 1>/"',
        'nothing',
      ],
    },
  },
  {
    page: 'Organizations API Reference, ListOrganizationalUnitsForParent, DescribeOrganizationalUnit, MoveAccount, ListTagsForResource, ListPoliciesForTarget',
    aws: 'Each id must match its pattern. Otherwise the error is InvalidInputException with the reason INVALID_PATTERN.',
    right: 'local',
    found: {
      'organizations ListOrganizationalUnitsForParent: with a value that is not an id': [
        'InvalidInputException 400, INVALID_PATTERN',
        'ParentNotFoundException 400',
      ],
      'organizations DescribeOrganizationalUnit: with a value that is not an id': [
        'InvalidInputException 400, INVALID_PATTERN',
        'OrganizationalUnitNotFoundException 400',
      ],
      'organizations MoveAccount: into a parent that is not an id': [
        'InvalidInputException 400, INVALID_PATTERN',
        'ParentNotFoundException 400',
      ],
      'organizations ListTagsForResource: with a value that is not an id': [
        'InvalidInputException 400, INVALID_PATTERN',
        'InvalidInputException 400',
      ],
      'organizations ListPoliciesForTarget: with a value that is not an id': [
        'InvalidInputException 400, INVALID_PATTERN',
        'InvalidInputException 400',
      ],
    },
  },
  {
    page: 'Organizations API Reference, ListRoots',
    aws: 'Only the management account and a delegated administrator may call the operation.',
    right: 'local',
    found: { 'organizations ListRoots: by a member account': ['AccessDeniedException 400', 'answers'] },
  },
  {
    page: 'Organizations API Reference, MoveAccount',
    aws: 'An account that is already in the destination leads to DuplicateAccountException.',
    right: 'local',
    found: {
      'organizations MoveAccount: to the parent where the account is': ['DuplicateAccountException 400', 'answers'],
      'organizations MoveAccount: again, from the earlier parent': ['DuplicateAccountException 400', 'answers'],
    },
  },
  {
    page: 'Organizations API Reference, MoveAccount',
    aws: 'The errors for parents are SourceParentNotFoundException and DestinationParentNotFoundException. The page does not list ParentNotFoundException.',
    right: 'local',
    found: {
      'organizations MoveAccount: from a parent that is not there': [
        'SourceParentNotFoundException 400',
        'ParentNotFoundException 400',
      ],
      'organizations MoveAccount: into a parent that is not there': [
        'DestinationParentNotFoundException 400',
        'ParentNotFoundException 400',
      ],
    },
  },
  {
    page: 'Organizations API Reference, MoveAccount',
    aws: 'SourceParentId is the root or unit that contains the account. The page does not say which error another existing parent leads to.',
    right: 'local',
    found: {
      'organizations MoveAccount: from a parent where the account is not': [
        'SourceParentNotFoundException 400',
        'answers',
      ],
    },
  },
  {
    page: 'Organizations API Reference, TagResource, Tag',
    aws: 'If a tag is not valid, or if there are too many tags, the entire request fails: INVALID_PATTERN, MAX_TAG_LIMIT_EXCEEDED.',
    right: 'local',
    found: {
      'organizations TagResource: with a comma': ['InvalidInputException 400, INVALID_PATTERN', 'answers'],
      'organizations TagResource: with a 51st tag': [
        'ConstraintViolationException 400, MAX_TAG_LIMIT_EXCEEDED',
        'answers',
      ],
    },
  },
  {
    page: 'Organizations API Reference, ListPoliciesForTarget',
    aws: 'The error is TargetNotFoundException. The page does not list AccountNotFoundException.',
    right: 'local',
    found: {
      'organizations ListPoliciesForTarget: of an account that does not exist': [
        'TargetNotFoundException 400',
        'AccountNotFoundException 400',
      ],
    },
  },
  {
    page: 'Account Management API Reference, PutAlternateContact',
    aws: 'In AccountId, the management account can give only the id of a member account, and never its own id. A member account must leave AccountId out.',
    right: 'local',
    found: {
      'account PutAlternateContact: of the management account, by its own id': ['AccessDeniedException 403', 'answers'],
      'account PutAlternateContact: of an account that does not exist': ['AccessDeniedException 403', 'answers'],
      'account PutAlternateContact: by a member account that names another': ['AccessDeniedException 403', 'answers'],
    },
  },
  {
    page: 'Account Management API Reference, PutAlternateContact',
    aws: 'Name has 1 to 64 characters, Title 1 to 50, EmailAddress 1 to 254, PhoneNumber 1 to 25 of `[\\s0-9()+-]`. AlternateContactType is BILLING, OPERATIONS or SECURITY. Otherwise the error is ValidationException.',
    right: 'local',
    found: {
      'account PutAlternateContact: without a title': ['ValidationException 400', 'answers'],
      'account PutAlternateContact: with a name of 65 characters': ['ValidationException 400', 'answers'],
      'account PutAlternateContact: with a letter in the phone number': ['ValidationException 400', 'answers'],
      'account PutAlternateContact: with an address without @': ['ValidationException 400', 'answers'],
      'account PutAlternateContact: of an unknown type': ['ValidationException 400', 'AccessDeniedException 400'],
    },
  },
  {
    page: 'Account Management API Reference, GetAlternateContact',
    aws: 'The status of ResourceNotFoundException is 404.',
    right: 'local',
    found: {
      'account GetAlternateContact: of a contact that is not set': [
        'ResourceNotFoundException 404',
        'ResourceNotFoundException 400',
      ],
    },
  },
  {
    page: 'DynamoDB API Reference, Query',
    aws: 'The page does not say which error an unknown index leads to. AWS answers ValidationException (“The table does not have the specified index”).',
    right: 'local',
    found: {
      'dynamodb Query: of an index that is not there': ['ValidationException 400', 'ResourceNotFoundException 400'],
    },
  },
  {
    page: 'SNS API Reference, Publish',
    aws: 'A message is not empty, and a subject has fewer than 100 characters: InvalidParameter.',
    right: 'local',
    found: {
      'sns Publish: without a message': ['InvalidParameterException 400', 'answers'],
      'sns Publish: with a subject of 100 characters': ['InvalidParameterException 400', 'answers'],
    },
  },
  {
    page: 'SNS API Reference, Publish, MessageAttributeValue',
    aws: 'An attribute’s value must not be empty. The page lists both errors, and does not say which one an empty value leads to.',
    right: 'both',
    found: {
      'sns Publish: with an empty attribute': ['InvalidParameterValueException 400', 'InvalidParameterException 400'],
    },
  },
]
