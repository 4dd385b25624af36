import type { Disk, DiskFile } from '../src/log/disk.ts'
import type { MemoryDisk } from './memory-disk.ts'

/**
 * A disk that dies at a step of the test's choice: everything that changes it counts as a step, that step and all after it throw. What was
 * done before is on the memory disk beneath, for a broker that starts again.
 */
export class CrashingDisk implements Disk {
  readonly #memory: MemoryDisk
  /** The step to die at, counted from 1; infinite: never. */
  crashAt = Infinity
  steps = 0

  constructor(memory: MemoryDisk) {
    this.#memory = memory
  }

  get isDead(): boolean {
    return this.steps >= this.crashAt
  }

  step(): void {
    this.steps++
    if (this.isDead) throw new Error(`the process died at disk step ${this.crashAt}`)
  }

  open(path: string): DiskFile {
    const file = this.#memory.open(path)
    return {
      get size() {
        return file.size
      },
      get modifiedMs() {
        return file.modifiedMs
      },
      read: (target, position) => file.read(target, position),
      write: (bytes, position) => {
        // A dying process may have written a part.
        if (this.steps + 1 === this.crashAt)
          file.write(bytes.subarray(0, bytes.length >> 1), position)
        this.step()
        file.write(bytes, position)
      },
      truncate: (size) => {
        this.step()
        file.truncate(size)
      },
      sync: async () => {
        this.step()
        await file.sync()
      },
      syncNow: () => {
        this.step()
        file.syncNow()
      },
      close: () => file.close(),
    }
  }

  list(path: string): readonly string[] {
    return this.#memory.list(path)
  }

  makeDirectory(): void {}

  readFile(path: string): Buffer | undefined {
    return this.#memory.readFile(path)
  }

  replaceFile(path: string, bytes: Uint8Array, durable: boolean): void {
    this.step()
    this.#memory.replaceFile(path, bytes, durable)
  }

  rename(from: string, to: string): void {
    this.step()
    this.#memory.rename(from, to)
  }

  remove(path: string): void {
    this.step()
    this.#memory.remove(path)
  }

  syncDirectory(path: string): void {
    this.step()
    this.#memory.syncDirectory(path)
  }
}
