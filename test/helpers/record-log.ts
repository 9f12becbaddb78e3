import {hashOf} from '../../src/domain/canonical.js'
import {type EvidenceRecord, type SignedRecord, signRecord} from '../../src/domain/record.js'
import type {Signer} from '../../src/wallet/port.js'
import {aHotkey, aSha} from './video.js'

/**
 * The log of one author for any mechanism of scope `own`: its bodies in order, numbered, each naming the one before. Signed
 * by `signer`, or with an empty signature.
 */
export function aRecordLog(
  mechanism: string,
  bodies: readonly {readonly body: object; readonly block?: number}[],
  signer?: Signer,
  examHash = aSha('exam'),
): SignedRecord[] {
  const log: SignedRecord[] = []
  for (const [index, {body, block = 10 * (index + 1)}] of bodies.entries()) {
    const last = log.at(-1)
    const record: EvidenceRecord = {
      ...{version: 1, mechanism, netuid: 99, examHash, author: signer?.hotkey ?? aHotkey('author')},
      sequence: index + 1,
      previous: last ? hashOf(last.record) : null,
      block,
      createdAt: '2026-11-01T00:00:00.000Z',
      body: JSON.parse(JSON.stringify(body)),
    }
    log.push(signer ? signRecord(record, signer) : {record, signature: `0x${'0'.repeat(128)}`})
  }
  return log
}
