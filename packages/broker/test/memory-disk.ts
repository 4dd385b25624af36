import { dirname } from 'node:path'
import type { Disk, DiskFile } from '../src/log/disk.ts'

interface Node {
  bytes: Buffer
  /** What a power cut leaves of the content. */
  synced: Buffer
  /** Whether a power cut leaves the name. */
  isNameSynced: boolean
  modifiedMs: number
  /** Syncs that have begun, and the last of them that is over: one that began before it has nothing to add. */
  syncsBegun: number
  lastSynced: number
}

/**
 * A disk in memory that knows what was synced, so that a test can cut the power: contents fall back to their last sync, and files whose
 * directory was not synced since they were made are gone. Stricter than real file systems, which often keep more.
 */
export class MemoryDisk implements Disk {
  readonly #nodes = new Map<string, Node>()
  /** Set to make the next syncs fail. */
  syncError: Error | undefined
  /** Bytes that may still be written before the disk is full. */
  freeBytes = Infinity
  syncCount = 0

  /** What another power cut would leave. The disk itself goes on: open files of the broker before it must not be used any more. */
  cutPower(): void {
    for (const [path, node] of this.#nodes) {
      if (!node.isNameSynced) this.#nodes.delete(path)
      else node.bytes = Buffer.from(node.synced)
    }
  }

  open(path: string): DiskFile {
    let node = this.#nodes.get(path)
    if (node === undefined) {
      node = nodeOf(Buffer.alloc(0), Buffer.alloc(0), false)
      this.#nodes.set(path, node)
    }
    return new MemoryFile(this, node)
  }

  list(path: string): readonly string[] {
    const names = new Set<string>()
    for (const other of this.#nodes.keys())
      if (other.startsWith(`${path}/`)) names.add(other.slice(path.length + 1).split('/')[0]!)
    return [...names]
  }

  makeDirectory(): void {}

  readFile(path: string): Buffer | undefined {
    const node = this.#nodes.get(path)
    return node && Buffer.from(node.bytes)
  }

  replaceFile(path: string, bytes: Uint8Array, durable: boolean): void {
    const content = Buffer.from(bytes)
    const before = this.#nodes.get(path)
    const synced = durable ? Buffer.from(content) : Buffer.alloc(0)
    this.#nodes.set(path, nodeOf(content, synced, durable || (before?.isNameSynced ?? false)))
  }

  rename(from: string, to: string): void {
    const node = this.#nodes.get(from)
    if (node === undefined) throw new Error(`no file ${from}`)
    this.#nodes.delete(from)
    this.#nodes.set(to, node)
  }

  remove(path: string): void {
    for (const other of this.#nodes.keys())
      if (other === path || other.startsWith(`${path}/`)) this.#nodes.delete(other)
  }

  syncDirectory(path: string): void {
    for (const [other, node] of this.#nodes) if (dirname(other) === path) node.isNameSynced = true
  }

  /** Overwrites a file's content as a bad disk or an editor would. */
  tamper(path: string, change: (bytes: Buffer) => Buffer): void {
    const node = this.#nodes.get(path)
    if (node === undefined) throw new Error(`no file ${path}`)
    node.bytes = Buffer.from(change(Buffer.from(node.bytes)))
  }
}

class MemoryFile implements DiskFile {
  readonly #disk: MemoryDisk
  readonly #node: Node

  constructor(disk: MemoryDisk, node: Node) {
    this.#disk = disk
    this.#node = node
  }

  get size(): number {
    return this.#node.bytes.length
  }

  get modifiedMs(): number {
    return this.#node.modifiedMs
  }

  read(target: Buffer, position: number): number {
    return this.#node.bytes.copy(target, 0, position)
  }

  write(bytes: Uint8Array, position: number): void {
    const fitting = Math.min(bytes.length, this.#disk.freeBytes)
    const end = position + fitting
    const grown = Buffer.alloc(Math.max(end, this.#node.bytes.length))
    this.#node.bytes.copy(grown)
    grown.set(bytes.subarray(0, fitting), position)
    this.#node.bytes = grown
    this.#disk.freeBytes -= fitting
    if (fitting < bytes.length) throw Object.assign(new Error('disk full'), { code: 'ENOSPC' })
  }

  truncate(size: number): void {
    const cut = Buffer.alloc(size)
    this.#node.bytes.copy(cut)
    this.#node.bytes = cut
  }

  async sync(): Promise<void> {
    const keep = this.#beginSync()
    await Promise.resolve()
    keep()
  }

  syncNow(): void {
    this.#beginSync()()
  }

  close(): void {}

  #beginSync(): () => void {
    const node = this.#node
    const content = Buffer.from(node.bytes)
    const began = ++node.syncsBegun
    return () => {
      if (this.#disk.syncError !== undefined) throw this.#disk.syncError
      this.#disk.syncCount++
      if (began < node.lastSynced) return
      node.lastSynced = began
      node.synced = content
    }
  }
}

function nodeOf(bytes: Buffer, synced: Buffer, isNameSynced: boolean): Node {
  return { bytes, synced, isNameSynced, modifiedMs: 0, syncsBegun: 0, lastSynced: 0 }
}
