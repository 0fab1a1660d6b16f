type Credentials = { accessKeyId: string; sessionToken?: string }
type Given = { credentials: () => Promise<Credentials>; region: string; service: string }
type Request = { headers: Record<string, string> }

/** Replaces the SDK's signer: names the caller and the service, which is all that the local organization reads. */
export class SignatureV4 {
  readonly #given: Given
  constructor(given: Given) {
    this.#given = given
  }
  async sign(request: Request, { signingRegion = this.#given.region, signingService = this.#given.service } = {}) {
    const { accessKeyId } = await this.#given.credentials()
    // The SDK signs the same request again when it retries.
    return Object.assign(Object.create(Object.getPrototypeOf(request) as object) as Request, request, {
      headers: {
        ...request.headers,
        authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20261101/${signingRegion}/${signingService}/aws4_request`,
      },
    })
  }
}
