import { inflateRawSync } from 'node:zlib'

const stored = 0

/**
 * Reads the files in a zip by their names. Two zips of the same files can differ: another version of zlib compresses
 * otherwise.
 * Throws an Error for what is not a zip of the usual kind (PKWARE's APPNOTE.TXT, without ZIP64 and encryption).
 */
export const filesIn = (zip: Buffer) => {
  const end = zip.lastIndexOf(Buffer.from('PK\u0005\u0006', 'latin1'))
  if (end < 0) throw new Error('This is no zip file')
  const files = new Map<string, Buffer>()
  let at = zip.readUInt32LE(end + 16)
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const method = zip.readUInt16LE(at + 10)
    const size = zip.readUInt32LE(at + 20)
    const nameLength = zip.readUInt16LE(at + 28)
    const otherLength = zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32)
    const local = zip.readUInt32LE(at + 42)
    const begin = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
    const content = zip.subarray(begin, begin + size)
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength)
    files.set(name, method === stored ? content : inflateRawSync(content))
    at += 46 + nameLength + otherLength
  }
  return files
}
