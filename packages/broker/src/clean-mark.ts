import { join } from 'node:path'
import type { Disk } from './log/disk.ts'

const NAME = 'clean-shutdown'

/**
 * A file that says the broker was stopped in order. It tells people and logs why a start had to recover; the logs themselves do not need it,
 * since each compares its checkpoint with its size.
 */
export const CleanMark = {
  leave(disk: Disk, directory: string): void {
    disk.replaceFile(join(directory, NAME), Buffer.from('1\n'), true)
  },

  /** Whether the mark was there; it is not any more. A directory that was never used counts as clean. */
  take(disk: Disk, directory: string): boolean {
    const path = join(directory, NAME)
    const wasThere = disk.readFile(path) !== undefined
    if (wasThere) disk.remove(path)
    return wasThere
  },
}
