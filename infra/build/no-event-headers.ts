/** The SDK's signer makes one for every client, and uses it for event streams only. No function streams events. */
export class HeaderFormatter {
  format(): never {
    throw new Error('HeaderFormatter is left out of the bundles')
  }
}
