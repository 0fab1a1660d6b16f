/**
 * An error as AWS returns it: its code, its message, its HTTP status, and `fields`, the members beside the message.
 * With an empty code, a proxy of AWS answers, and not the service.
 */
export class AwsError extends Error {
  override readonly name = 'AwsError'
  readonly code: string
  readonly status: number
  readonly fields: Record<string, unknown>
  constructor(code: string, message: string, status = 400, fields: Record<string, unknown> = {}) {
    super(message)
    this.code = code
    this.status = status
    this.fields = fields
  }
}

/** The error for what AWS can do and the local organization cannot. */
export const unsupported = (what: string) =>
  new AwsError('UnsupportedByLocalOrganization', `The local organization does not know ${what}`)
