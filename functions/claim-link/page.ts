import { fillHtml } from '../shared/mail.ts'
import type { Vending } from '../shared/vending.ts'
import page from './page/page.html'

/**
 * The page that opens a link: the same bytes for everybody, whatever the link. Answers status, headers and body for
 * GET, and no body for HEAD. Reads nothing and changes nothing, so a program that follows links spends none.
 */
export const pageAnswer = (
  { organizationName, contact, mfa }: Pick<Vending, 'organizationName' | 'contact' | 'mfa'>,
  method: string,
) => ({
  status: 200,
  headers: {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': page.csp,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'strict-transport-security': 'max-age=31536000',
    'x-content-type-options': 'nosniff',
    'x-robots-tag': 'noindex',
  },
  body: method === 'HEAD' ? '' : fillHtml(page.html, { organizationName, contact, mfa: mfa ?? '' }),
})
