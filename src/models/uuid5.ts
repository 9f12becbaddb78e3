import {createHash} from 'node:crypto'

/** The namespace of object identifiers, RFC 9562. */
const oid = Buffer.from('6ba7b8129dad11d180b400c04fd430c8', 'hex')

/** As Python's `uuid.uuid5(uuid.NAMESPACE_OID, name)`. */
export function uuid5(name: string): string {
  const bytes = createHash('sha1').update(oid).update(name, 'utf8').digest().subarray(0, 16)
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x50 // 16 bytes, as cut above
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
