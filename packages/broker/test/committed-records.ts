import {
  RecordColumns,
  batchLastOffset,
  batchProducerId,
  isBatchControl,
  isBatchTransactional,
  nextBatch,
} from '@millrace/protocol'

export type FoundRecord = readonly [offset: number, value: string]

/**
 * The committed records among fetched batches, filtered as the protocol demands (KIP-98; Kafka: CompletedFetch): the tests' own reading of it.
 * @param aborted as the fetch answer lists them
 * @returns `end`: bytes of whole batches, `nextOffset`: after the last of them, -1 without any
 */
export function committedRecords(
  records: Buffer,
  aborted: readonly { readonly producerId: number; readonly firstOffset: number }[],
): { readonly found: FoundRecord[]; readonly end: number; readonly nextOffset: number } {
  const waiting = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset)
  const dropped = new Set<number>()
  const columns = new RecordColumns()
  const found: FoundRecord[] = []
  let nextOffset = -1
  let at = 0
  for (let next; (next = nextBatch(records, at)) !== -1; at = next) {
    const producerId = batchProducerId(records, at)
    nextOffset = batchLastOffset(records, at) + 1
    while (waiting.length > 0 && waiting[0]!.firstOffset < nextOffset)
      dropped.add(waiting.shift()!.producerId)
    columns.read(records, at)
    if (isBatchControl(records, at)) {
      if (columns.key(0)?.readInt16BE(2) === 0) dropped.delete(producerId)
      continue
    }
    if (isBatchTransactional(records, at) && dropped.has(producerId)) continue
    for (let index = 0; index < columns.count; index++)
      found.push([columns.offset(index), String(columns.value(index))])
  }
  return { found, end: at, nextOffset }
}
