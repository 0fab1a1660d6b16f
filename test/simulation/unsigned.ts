type Credentials = { accessKeyId: string; sessionToken?: string }
type Given = { credentials: () => Promise<Credentials>; region: string; service: string }
type Request = { headers: Record<string, string> }

/** In place of the SDK's: says who signs and for which service, which is all that the local organization reads. */
export class SignatureV4 {
  readonly #given: Given
  constructor(given: Given) {
    this.#given = given
  }
  async sign(request: Request, { signingRegion = this.#given.region, signingService = this.#given.service } = {}) {
    const { accessKeyId } = await this.#given.credentials()
    // The caller's request is signed again at its next try.
    return Object.assign(Object.create(Object.getPrototypeOf(request) as object) as Request, request, {
      headers: {
        ...request.headers,
        authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20261101/${signingRegion}/${signingService}/aws4_request`,
      },
    })
  }
}
