import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const count = 1_000
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'

/**
 * One file of values for all clients, `count` lines of `recordBytes` letters: making up values costs Java's tool more than sending them
 * (a random number per byte), and would be measured with it.
 */
export function writePayloads(folder: string, recordBytes: number): string {
  const file = join(folder, `values-${recordBytes}.txt`)
  let state = recordBytes
  const line = (): string =>
    Array.from({ length: recordBytes }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return letters[(state >>> 16) % letters.length]
    }).join('')
  writeFileSync(file, Array.from({ length: count }, line).join('\n'))
  return file
}
