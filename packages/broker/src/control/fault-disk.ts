import { basename, dirname } from 'node:path'
import type { Disk, DiskFile } from '../log/disk.ts'

/** What a file would be after a power cut. */
interface FileState {
  size: number
  /** Bytes from the start whose content is on the device, but for what `undo` restores. */
  durableSize: number
  /** The size that syncs under way will make durable. */
  syncingSize: number
  /** Syncs that have begun, and the last of them that is over: one that began before it has nothing to add. */
  syncsBegun: number
  lastSynced: number
  /** From here on nothing becomes durable: a sync of it has failed, and the kernel takes its pages for written (fsyncgate) until they are cut away. */
  brokenFrom: number
  /** Whether the directory entry was synced. */
  isNameDurable: boolean
  /** What stood in durable places before they were overwritten or cut, oldest first. */
  undo: { readonly order: number; readonly position: number; readonly bytes: Buffer }[]
  /** Order of the last entry of `undo` ever made. */
  order: number
}

/** When the disk dies. */
export interface KillPlan {
  /** Changes of the disk from now; 1 is the next one. */
  readonly atWrite: number
  /** How much of that write still reaches the disk, if it is a write to a file. */
  readonly tornBytes: number
}

/** What a sick disk does. Asked only while some fault is set. */
export interface DiskFaults {
  readonly isEmpty: boolean
  /** How many of so many bytes more there is room for. */
  roomFor(bytes: number): number
  /** Whether a sync fails now. */
  failsSync(): boolean
}

const healthy: DiskFaults = { isEmpty: true, roomFor: (bytes) => bytes, failsSync: () => false }

/** Thrown by every use of the disk after the crash. */
export class CrashedError extends Error {
  override readonly name = 'CrashedError'
  constructor() {
    super(
      'The broker has crashed, as its caller asked; the disk takes nothing until it is restarted',
    )
  }
}

/**
 * The disk with two switches: it can die at its n-th change, and it can forget what was not synced, as the device does when the power goes.
 * It is stricter than real file systems, which often keep more. Counting costs an addition per write; what is kept for undoing is only
 * what was overwritten since the last sync, and logs append.
 */
export class FaultDisk implements Disk {
  readonly #inner: Disk
  /** By directory, then by path. */
  readonly #states = new Map<string, Map<string, FileState>>()
  readonly #open = new Set<FaultFile>()
  readonly #onKill: (plan: KillPlan) => void
  readonly #faults: DiskFaults
  #plan: KillPlan | undefined
  #changesLeft = 0
  #isCrashed = false
  /** Crashes so far. */
  #crashes = 0
  #changes = 0

  /** @param onKill called before the change at which the disk dies; the crash itself is up to it */
  constructor(inner: Disk, onKill: (plan: KillPlan) => void, faults = healthy) {
    this.#inner = inner
    this.#onKill = onKill
    this.#faults = faults
  }

  /** Changes so far: writes, truncations, replacements, renames, removals. */
  get changes(): number {
    return this.#changes
  }

  killAt(plan: KillPlan): void {
    this.#plan = plan
    this.#changesLeft = plan.atWrite
  }

  /** From now on every use fails, and the files are closed, as if the process were gone. */
  crash(): void {
    this.#isCrashed = true
    this.#crashes++
    this.#plan = undefined
    for (const file of this.#open) file.release()
    this.#open.clear()
  }

  /**
   * The disk for one life of a broker. It fails for good with the crash: what the dead broker still had in hand (a compaction, a
   * checkpoint) must not touch the files of the one that was started after it.
   */
  life(): Disk {
    const crashes = this.#crashes
    const alive = <T>(use: () => T): T => {
      if (crashes !== this.#crashes) throw new CrashedError()
      return use()
    }
    return {
      open: (path) => alive(() => this.open(path)),
      list: (path) => alive(() => this.list(path)),
      makeDirectory: (path) => alive(() => this.makeDirectory(path)),
      readFile: (path) => alive(() => this.readFile(path)),
      replaceFile: (path, bytes, durable) => alive(() => this.replaceFile(path, bytes, durable)),
      rename: (from, to) => alive(() => this.rename(from, to)),
      remove: (path) => alive(() => this.remove(path)),
      syncDirectory: (path) => alive(() => this.syncDirectory(path)),
    }
  }

  /** Ends the crash: the next broker opens its files anew. */
  revive(): void {
    this.#isCrashed = false
  }

  /** Takes back what was not synced. Only after `crash`, when no file is open; or right before the process ends itself. */
  cutPower(): void {
    for (const states of this.#states.values())
      for (const [path, state] of states) {
        if (!state.isNameDurable) {
          this.#inner.remove(path)
          states.delete(path)
        } else if (state.size !== state.durableSize || state.undo.length > 0)
          this.#restore(path, state)
      }
  }

  open(path: string): DiskFile {
    this.check()
    // Opening makes the file where there is none; one that is there, though empty, was there before this broker.
    const wasThere = this.#inner.list(dirname(path)).includes(basename(path))
    const inner = this.#inner.open(path)
    const state = this.#stateOf(path) ?? this.#track(path, inner.size, wasThere)
    const file = new FaultFile(this, path, inner, state)
    this.#open.add(file)
    return file
  }

  list(path: string): readonly string[] {
    this.check()
    return this.#inner.list(path)
  }

  makeDirectory(path: string): void {
    this.check()
    this.#inner.makeDirectory(path)
  }

  readFile(path: string): Buffer | undefined {
    this.check()
    return this.#inner.readFile(path)
  }

  replaceFile(path: string, bytes: Uint8Array, durable: boolean): void {
    this.change()
    if (this.roomFor(bytes.length) < bytes.length) throw noRoom(path)
    if (durable && this.failsSync()) throw failedSync(path)
    const before = this.#stateOf(path)
    this.#inner.replaceFile(path, bytes, durable)
    const state = this.#track(path, bytes.length, durable || (before?.isNameDurable ?? false))
    if (!durable) state.durableSize = 0
  }

  rename(from: string, to: string): void {
    this.change()
    this.#inner.rename(from, to)
    const moved = [...this.#paths(from)]
    this.#forget(to)
    for (const [path, state] of moved) this.#put(to + path.slice(from.length), state)
    this.#forget(from)
  }

  remove(path: string): void {
    this.change()
    this.#inner.remove(path)
    this.#forget(path)
  }

  syncDirectory(path: string): void {
    this.check()
    if (this.failsSync()) throw failedSync(path)
    this.#inner.syncDirectory(path)
    for (const state of this.#states.get(path)?.values() ?? []) state.isNameDurable = true
  }

  /** @internal of the files */
  check(): void {
    if (this.#isCrashed) throw new CrashedError()
  }

  /**
   * Counts a change and dies at the one that was planned.
   * @internal of the files
   * @param partial writes the part of the change that still reaches the disk
   */
  change(partial?: (bytes: number) => void): void {
    this.check()
    this.#changes++
    const plan = this.#plan
    if (plan === undefined || --this.#changesLeft > 0) return
    this.#plan = undefined
    if (plan.tornBytes > 0) partial?.(plan.tornBytes)
    this.#onKill(plan)
    this.check()
  }

  /** @internal of the files */
  roomFor(bytes: number): number {
    return this.#faults.isEmpty ? bytes : this.#faults.roomFor(bytes)
  }

  /** @internal of the files */
  failsSync(): boolean {
    return !this.#faults.isEmpty && this.#faults.failsSync()
  }

  /** @internal of the files */
  closed(file: FaultFile): void {
    this.#open.delete(file)
  }

  #restore(path: string, state: FileState): void {
    const file = this.#inner.open(path)
    try {
      for (const { position, bytes } of state.undo.toReversed()) file.write(bytes, position)
      // A hole where the durable part ends beyond what is left would be zeros; the undo entries have filled it.
      file.truncate(state.durableSize)
    } finally {
      file.close()
    }
    state.size = state.durableSize
    state.undo = []
  }

  #stateOf(path: string): FileState | undefined {
    return this.#states.get(dirname(path))?.get(path)
  }

  #track(path: string, size: number, isNameDurable: boolean): FileState {
    const state = {
      size,
      durableSize: size,
      syncingSize: 0,
      syncsBegun: 0,
      lastSynced: 0,
      brokenFrom: Infinity,
      isNameDurable,
      undo: [],
      order: 0,
    }
    this.#put(path, state)
    return state
  }

  #put(path: string, state: FileState): void {
    const directory = dirname(path)
    const states = this.#states.get(directory)
    if (states === undefined) this.#states.set(directory, new Map([[path, state]]))
    else states.set(path, state)
  }

  *#paths(path: string): Generator<[string, FileState]> {
    const own = this.#stateOf(path)
    // A file, which has nothing beneath it.
    if (own !== undefined) return yield [path, own]
    for (const [directory, states] of this.#states)
      if (directory === path || directory.startsWith(`${path}/`)) yield* states
  }

  #forget(path: string): void {
    if (this.#states.get(dirname(path))?.delete(path) === true) return
    for (const directory of this.#states.keys())
      if (directory === path || directory.startsWith(`${path}/`)) this.#states.delete(directory)
  }
}

class FaultFile implements DiskFile {
  readonly #disk: FaultDisk
  /** Where it was opened, for errors. */
  readonly #path: string
  readonly #inner: DiskFile
  readonly #state: FileState
  #isClosed = false

  constructor(disk: FaultDisk, path: string, inner: DiskFile, state: FileState) {
    this.#disk = disk
    this.#path = path
    this.#inner = inner
    this.#state = state
  }

  get size(): number {
    return this.#inner.size
  }

  get modifiedMs(): number {
    return this.#inner.modifiedMs
  }

  read(target: Buffer, position: number): number {
    this.#check()
    return this.#inner.read(target, position)
  }

  write(bytes: Uint8Array, position: number): void {
    this.#check()
    this.#disk.change((torn) => this.#write(bytes.subarray(0, torn), position))
    const growth = Math.max(0, position + bytes.length - this.#state.size)
    const room = this.#disk.roomFor(growth)
    if (room >= growth) return this.#write(bytes, position)
    // As a file system does: what fits is written.
    this.#write(bytes.subarray(0, bytes.length - growth + room), position)
    throw noRoom(this.#path)
  }

  truncate(size: number): void {
    this.#check()
    this.#disk.change()
    this.#keepBefore(size, this.#state.size)
    this.#inner.truncate(size)
    this.#state.size = size
    if (size <= this.#state.brokenFrom) this.#state.brokenFrom = Infinity
  }

  async sync(): Promise<void> {
    this.#check()
    const settle = this.#beginSync()
    await this.#inner.sync()
    this.#check()
    this.#failIfPlanned()
    settle()
  }

  syncNow(): void {
    this.#check()
    const settle = this.#beginSync()
    this.#inner.syncNow()
    this.#failIfPlanned()
    settle()
  }

  close(): void {
    if (this.#isClosed) return
    this.release()
    this.#disk.closed(this)
  }

  /** @internal of the disk */
  release(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#inner.close()
  }

  /** A file that a crash has closed stays so: its descriptor may be another file's by now. */
  #check(): void {
    this.#disk.check()
    if (this.#isClosed) throw new CrashedError()
  }

  #write(bytes: Uint8Array, position: number): void {
    const state = this.#state
    const end = position + bytes.length
    if (position < Math.max(state.durableSize, state.syncingSize)) this.#keepBefore(position, end)
    this.#inner.write(bytes, position)
    if (end > state.size) state.size = end
  }

  /** Keeps what stands from `from` to `to` as far as a power cut would bring it back. */
  #keepBefore(from: number, to: number): void {
    const state = this.#state
    const end = Math.min(to, state.size, Math.max(state.durableSize, state.syncingSize))
    if (end <= from) return
    const bytes = Buffer.alloc(end - from)
    this.#inner.read(bytes, from)
    state.undo.push({ order: ++state.order, position: from, bytes })
  }

  #failIfPlanned(): void {
    if (!this.#disk.failsSync()) return
    const state = this.#state
    state.syncingSize = 0
    state.brokenFrom = Math.min(state.brokenFrom, state.durableSize)
    throw failedSync(this.#path)
  }

  #beginSync(): () => void {
    const state = this.#state
    const size = state.size
    const order = state.order
    const began = ++state.syncsBegun
    state.syncingSize = Math.max(state.syncingSize, size)
    return () => {
      if (began < state.lastSynced) return
      state.lastSynced = began
      state.durableSize = Math.min(size, state.brokenFrom)
      // Others may still be under way.
      if (began === state.syncsBegun) state.syncingSize = 0
      state.undo = state.undo.filter((entry) => entry.order > order)
    }
  }
}

function noRoom(path: string): Error {
  const text = `ENOSPC: no space left on device, as a fault says, write '${path}'`
  return Object.assign(new Error(text), { code: 'ENOSPC', path })
}

function failedSync(path: string): Error {
  const text = `EIO: i/o error, as a fault says, fdatasync '${path}'`
  return Object.assign(new Error(text), { code: 'EIO', path })
}
