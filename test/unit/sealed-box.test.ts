import { describe, expect, it } from 'vitest'
import { linkId, makeLinkKey, openBox, sealBox } from '../../functions/shared/sealed-box.ts'

const text = JSON.stringify({ userName: 'ada', password: 'correct horse' })

/** Changes one bit of a base64url text. */
const flipped = (base64url: string, place = 5) => {
  const bytes = Buffer.from(base64url, 'base64url')
  bytes[place]! ^= 1
  return bytes.toString('base64url')
}

describe('a sealed box', () => {
  it('opens with the scalar of its link', async () => {
    const { scalar, id, publicKey } = await makeLinkKey()
    expect(scalar).toMatch(/^[\w-]{43}$/)
    expect(id).toMatch(/^[\w-]{43}$/)
    expect(await linkId(scalar)).toBe(id)
    const box = await sealBox({ publicKey, id, text })
    expect(JSON.parse(await openBox({ scalar, publicKey, box }))).toEqual(JSON.parse(text))
  })

  it('does not contain the text, nor tell its length', async () => {
    const { id, publicKey } = await makeLinkKey()
    const box = await sealBox({ publicKey, id, text })
    const longer = await sealBox({ publicKey, id, text: JSON.stringify({ name: 'Zürich', password: 'x'.repeat(128) }) })
    expect(Buffer.from(box.sealed, 'base64url').toString('latin1')).not.toContain('horse')
    expect(longer.sealed).toHaveLength(box.sealed.length)
    expect(Buffer.from(box.sealed, 'base64url')).toHaveLength(512 + 16)
  })

  it('is another box each time', async () => {
    const { id, publicKey } = await makeLinkKey()
    const [a, b] = [await sealBox({ publicKey, id, text }), await sealBox({ publicKey, id, text })]
    expect(a.ephemeral).not.toBe(b.ephemeral)
    expect(a.sealed).not.toBe(b.sealed)
  })

  it('does not open with the scalar of another link, also if the boxes of two links are exchanged', async () => {
    const [one, other] = [await makeLinkKey(), await makeLinkKey()]
    const box = await sealBox({ ...one, text })
    await expect(openBox({ ...other, box })).rejects.toThrow()
    await expect(openBox({ scalar: other.scalar, publicKey: one.publicKey, box })).rejects.toThrow()
    await expect(openBox({ scalar: one.scalar, publicKey: other.publicKey, box })).rejects.toThrow()
  })

  it('does not open under another id', async () => {
    const { scalar, publicKey } = await makeLinkKey()
    const box = await sealBox({ publicKey, id: await linkId('another'), text })
    await expect(openBox({ scalar, publicKey, box })).rejects.toThrow()
  })

  it.each(['ephemeral', 'iv', 'sealed'] as const)('does not open if a bit of %s was changed', async (part) => {
    const { scalar, id, publicKey } = await makeLinkKey()
    const box = await sealBox({ publicKey, id, text })
    await expect(openBox({ scalar, publicKey, box: { ...box, [part]: flipped(box[part]) } })).rejects.toThrow()
  })
})
