/**
 * Static members (KIP-345): an instance with a name joins the group as `<instanceId>-<thread>`. A process that is started in the place of one
 * that was killed says the same names, and so has its members' tasks at once, where the group would wait for dead sessions otherwise.
 *
 * Which names may be in the group is noted beside the state: those that a restart with fewer threads, or under another name, leaves without a
 * process are taken out then, or their tasks would wait for their sessions.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sentenceOf, StreamsError } from '../../errors.ts'

const file = 'members'

/** `group.instance.id` of a stream thread. @param index from 0 */
export function memberInstanceId(instanceId: string, index: number): string {
  return `${instanceId}-${index + 1}`
}

interface Noted {
  readonly instanceId: string
  /** Members with lower numbers may be in the group. */
  readonly count: number
}

export class StaticMembers {
  /** Undefined: the threads are dynamic members. */
  readonly instanceId: string | undefined
  readonly #path: string
  #noted: Noted | undefined

  /** @param stateDirectory `<stateDir>/<applicationId>`, locked by this process */
  constructor(stateDirectory: string, instanceId: string | undefined) {
    this.instanceId = instanceId
    this.#path = join(stateDirectory, file)
    this.#noted = readNoted(this.#path)
  }

  /** Names that a former run may have left in the group, and this one with so many threads does not take over. */
  leftovers(threads: number): readonly string[] {
    if (!this.#noted) return []
    const { instanceId, count } = this.#noted
    const kept = instanceId === this.instanceId ? threads : 0
    return Array.from({ length: count }, (_, index) => memberInstanceId(instanceId, index)).slice(
      kept,
    )
  }

  /** Those that were left over are out of the group. @throws StreamsError `MR_STREAMS_STATE_DIRECTORY` */
  begin(threads: number): void {
    if (this.instanceId !== undefined) this.#note({ instanceId: this.instanceId, count: threads })
    else if (this.#noted) this.#note({ instanceId: this.#noted.instanceId, count: 0 })
  }

  /** Before a thread joins. @throws StreamsError `MR_STREAMS_STATE_DIRECTORY` */
  joining(index: number): void {
    if (this.instanceId === undefined || (this.#noted && index < this.#noted.count)) return
    this.#note({ instanceId: this.instanceId, count: index + 1 })
  }

  #note(noted: Noted): void {
    try {
      writeFileSync(this.#path, JSON.stringify(noted))
    } catch (error) {
      throw new StreamsError(
        'MR_STREAMS_STATE_DIRECTORY',
        `The names of the stream threads cannot be noted in "${this.#path}": ${sentenceOf(error)} Make it writable.`,
        { path: this.#path },
        { cause: error },
      )
    }
    this.#noted = noted
  }
}

/** Undefined where there is none, or a crash left half of one: what it named goes by its session then. */
function readNoted(path: string): Noted | undefined {
  try {
    const { instanceId, count } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Noted>
    const isUsable = typeof instanceId === 'string' && Number.isSafeInteger(count)
    return isUsable ? { instanceId, count: Math.min(count as number, maxNoted) } : undefined
  } catch {
    return undefined
  }
}

/** More threads than an app may have. */
const maxNoted = 1_000
