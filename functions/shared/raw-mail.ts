/**
 * The header Message-ID that SES gives to a mail: the message id that SES answers, at a host of the Region (SES
 * Developer Guide, "Header fields": SES replaces a Message-ID that a raw mail has).
 */
export const messageIdHeader = (messageId: string, region: string) =>
  `<${messageId}@${region === 'us-east-1' ? 'email' : region}.amazonses.com>`

const base64 = (text: string) => Buffer.from(text).toString('base64')

/** RFC 2047: an encoded word has at most 75 characters, and no character is in two words. */
const headerText = (text: string) => {
  if (/^[ -~]*$/.test(text) && !text.includes('=?')) return text
  const words = ['']
  for (const character of text)
    if (Buffer.byteLength(`${words.at(-1)}${character}`) > 45) words.push(character)
    else words[words.length - 1] += character
  return words.map((word) => `=?UTF-8?B?${base64(word)}?=`).join('\r\n ')
}

type Answer = { from: string; to: string[]; subject: string; text: string; html?: string; inReplyTo: string }

/** A mail that answers another mail, as a message of RFC 5322. SES adds the date and the Message-ID. */
export const rawMail = ({ from, to, subject, text, html, inReplyTo }: Answer) => {
  // No line of Base64 has an underscore.
  const boundary = 'part_of_the_mail'
  const part = (type: string, body: string) => [
    `--${boundary}`,
    `Content-Type: ${type}; charset=UTF-8`,
    'Content-Transfer-Encoding: base64',
    '',
    ...(base64(body).match(/.{1,76}/g) ?? []),
  ]
  return Buffer.from(
    [
      `From: ${from}`,
      `To: ${to.join(',\r\n ')}`,
      `Subject: ${headerText(subject)}`,
      `In-Reply-To: ${inReplyTo}`,
      `References: ${inReplyTo}`,
      'MIME-Version: 1.0',
      `Content-Type: multipart/alternative; boundary="${boundary}"`,
      '',
      ...part('text/plain', text),
      ...(html === undefined ? [] : part('text/html', html)),
      `--${boundary}--`,
      '',
    ].join('\r\n'),
  )
}
