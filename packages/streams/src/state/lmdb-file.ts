/**
 * What the head of an LMDB file says about its size. Two meta pages lie at its beginning; that with the larger transaction number counts.
 * Layout as lmdb-js 3.5 writes it (data version 2): page header of 24 bytes, then magic, version, address, map size, two databases of 48
 * bytes (the first begins with the page size), last page, transaction number.
 */
import { closeSync, openSync, readSync } from 'node:fs'

const magic = 0xbeef_c0de
const headBytes = 160
const magicAt = 24
const pageSizeAt = 48
const lastPageAt = 144
const transactionAt = 152

/** Bytes that the file must have at least; undefined where it does not begin as such files do. */
export function wantedSizeBytes(path: string): number | undefined {
  const file = openSync(path, 'r')
  try {
    const first = metaAt(file, 0)
    if (!first) return undefined
    const second = metaAt(file, first.pageSize)
    if (!second) return undefined
    const { lastPage, pageSize } = second.transaction > first.transaction ? second : first
    return (lastPage + 1) * pageSize
  } finally {
    closeSync(file)
  }
}

interface Meta {
  readonly pageSize: number
  readonly lastPage: number
  readonly transaction: bigint
}

function metaAt(file: number, position: number): Meta | undefined {
  const head = Buffer.alloc(headBytes)
  if (readSync(file, head, 0, headBytes, position) < headBytes) return undefined
  if (head.readUInt32LE(magicAt) !== magic) return undefined
  const pageSize = head.readUInt32LE(pageSizeAt)
  if (pageSize < 512 || pageSize > 65_536) return undefined
  return {
    pageSize,
    lastPage: Number(head.readBigUInt64LE(lastPageAt)),
    transaction: head.readBigUInt64LE(transactionAt),
  }
}
