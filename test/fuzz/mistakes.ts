import type { MistakeInFunctions } from '../simulation/mistake.ts'

/** Mistakes that requests and decisions show. */
export const mistakesWithApprovals: MistakeInFunctions[] = [
  {
    name: 'a decision of anybody is taken for an approval',
    file: 'decide-request/decide-request.ts',
    changes: [["asked === 'approve' ? 'approved' : 'declined'", "asked ? 'approved' : 'declined'"]],
  },
  {
    name: 'a request is carried out without an approval',
    file: 'request-account/request-account.ts',
    changes: [["needsApproval: approval === 'required'", 'needsApproval: !approval']],
  },
  {
    name: 'the last decision counts',
    file: 'shared/opening.ts',
    changes: [[' AND attribute_not_exists(approval)`', '`']],
  },
]

/** Mistakes that a single input shows. */
export const mistakes: MistakeInFunctions[] = [
  {
    name: 'mails do not escape',
    file: 'shared/mail.ts',
    changes: [['value.replace(/[&<>"\']/g, (mark) => entities[mark]!)', 'entities && value']],
  },
  { name: 'half a character stops a mail', file: 'shared/mail.ts', changes: [['.toWellFormed()', '.normalize()']] },
  {
    name: 'unknown fields pass',
    file: 'shared/request.ts',
    changes: [['z.strictObject(shape, {', 'z.looseObject(shape, {']],
  },
  {
    name: 'nothing is too deep',
    file: 'shared/parse.ts',
    changes: [['if (isTooDeep(value))', 'if (isTooDeep(value, Infinity))']],
  },
  {
    name: 'a refusal has no end',
    file: 'shared/errors.ts',
    changes: [['const maxIssues = 20', 'const maxIssues = Infinity']],
  },
  {
    name: 'a body of any size is read',
    file: 'shared/parse.ts',
    changes: [['const mostBytes = 64 * 1024', 'const mostBytes = Infinity']],
  },
  {
    name: 'a cursor of somebody else is used',
    file: 'list-accounts/list-accounts.ts',
    changes: [['.check(z.regex(/^account#\\d{12}$/))', '']],
  },
  {
    name: 'a tag is forgotten',
    file: 'create-admin-user/create-admin-user.ts',
    changes: [['Object.entries(tags).map(', 'Object.entries(tags).slice(1).map(']],
  },
]
