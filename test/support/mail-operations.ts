import type { Operation, Operations } from '../../local/aws/operation.ts'

/** On the wire, the message is Base64. */
type Raw = { Source?: string; Destinations?: string[]; RawMessage: { Data: string | Uint8Array } }

/** A mail of SendRawEmail as SendEmail would send it. It reads the form that functions/shared/raw-mail.ts writes. */
export const asSendEmail = ({ Destinations, RawMessage: { Data }, ...more }: Raw) => {
  const raw = Buffer.from(typeof Data === 'string' ? Buffer.from(Data, 'base64') : Data).toString()
  const header = (name: string) => new RegExp(`^${name}: (.*?)\r\n(?! )`, 'ms').exec(raw)?.[1] ?? ''
  const body = (type: string) => {
    const found = new RegExp(`^Content-Type: ${type};[^]*?\r\n\r\n([^]*?)\r\n--`, 'm').exec(raw)
    return { Data: Buffer.from(found?.[1] ?? '', 'base64').toString() }
  }
  return {
    ...more,
    Destination: { ToAddresses: Destinations },
    Message: {
      Subject: { Data: header('Subject') },
      Body: { Text: body('text/plain'), Html: body('text/html') },
    },
    InReplyTo: header('In-Reply-To'),
  }
}

/** The operations of SES that functions call, with one function that takes a mail of either. */
export const mailOperations = (sendEmail: Operation): Operations => ({
  SendEmail: sendEmail,
  SendRawEmail: (world, input, caller) => sendEmail(world, asSendEmail(input) as never, caller),
})
