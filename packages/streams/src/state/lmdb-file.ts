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
    const meta = newestMeta(file)
    return meta && (meta.lastPage + 1) * meta.pageSize
  } finally {
    closeSync(file)
  }
}

export interface LmdbMeta {
  readonly pageSize: number
  readonly lastPage: number
  readonly transaction: bigint
  /** Two of 48 bytes: the free pages, and the names of the others. */
  readonly databases: Buffer
}

/** The meta page that counts; undefined where the file does not begin with two. */
export function newestMeta(file: number): LmdbMeta | undefined {
  const first = metaAt(file, 0)
  const second = first && metaAt(file, first.pageSize)
  return second && (second.transaction > first.transaction ? second : first)
}

function metaAt(file: number, position: number): LmdbMeta | undefined {
  const head = Buffer.alloc(headBytes)
  if (readSync(file, head, 0, headBytes, position) < headBytes) return undefined
  if (head.readUInt32LE(magicAt) !== magic) return undefined
  const pageSize = head.readUInt32LE(pageSizeAt)
  if (pageSize < 512 || pageSize > 65_536) return undefined
  return {
    pageSize,
    lastPage: Number(head.readBigUInt64LE(lastPageAt)),
    transaction: head.readBigUInt64LE(transactionAt),
    databases: head.subarray(pageSizeAt, lastPageAt),
  }
}
