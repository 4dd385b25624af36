import { Compile, type Validator } from 'typebox/compile'
import type { Static, TSchema } from 'typebox'
import { EventsError } from './errors.ts'
import type { KeyFormat } from './key-format.ts'

/** Turns `data` of one version into `data` of the next. Pure and total. */
export type Upcaster = (data: unknown) => unknown

/** What producers and consumers of one event type agree on. */
export interface EventContract<Name extends string = string, Schema extends TSchema = TSchema> {
  readonly eventType: Name
  /** The version producers write today, from 1. */
  readonly version: number
  readonly topic: string
  /** How keys of the topic stand in its records, the same in all contracts of the topic. Default `text`. */
  readonly keyFormat?: KeyFormat
  readonly aggregateType: string
  /** Schema of `data` at `version`. */
  readonly data: Schema
  /** From version n (the key) to n + 1; needed for every n below `version`. */
  readonly upcasters?: Readonly<Record<number, Upcaster>>
  /** One sentence for people: when it happens. */
  readonly description: string
}

/** The type of an event's `data`. */
export type DataOf<Contract extends EventContract> = Static<Contract['data']>

/** Declares a contract with its types kept. @throws EventsError `MR_EVENTS_BAD_CONTRACT` when an upcaster is missing. */
export function defineEvent<const Name extends string, Schema extends TSchema>(
  contract: EventContract<Name, Schema>,
): EventContract<Name, Schema> {
  for (let version = 1; version < contract.version; version++) {
    if (!contract.upcasters?.[version]) {
      throw new EventsError(
        'MR_EVENTS_BAD_CONTRACT',
        `Contract ${contract.eventType} is at version ${contract.version} but has no upcaster from version ${version}. Add one, or old records cannot be read.`,
        { eventType: contract.eventType, version },
      )
    }
  }
  return contract
}

/** A set of contracts with their schemas compiled once. */
export class ContractRegistry {
  readonly #rows = new Map<
    string,
    { readonly contract: EventContract; readonly validator: Validator }
  >()
  readonly #keyFormats = new Map<string, KeyFormat>()

  /** @throws EventsError `MR_EVENTS_BAD_CONTRACT` when two have one name, or differ in the keys of their topic */
  constructor(contracts: readonly EventContract[]) {
    for (const contract of contracts) {
      if (this.#rows.has(contract.eventType)) {
        throw new EventsError(
          'MR_EVENTS_BAD_CONTRACT',
          `Two contracts are named ${contract.eventType}. Rename one.`,
          {
            eventType: contract.eventType,
          },
        )
      }
      this.#addKeyFormat(contract)
      this.#rows.set(contract.eventType, { contract, validator: Compile(contract.data) })
    }
  }

  get(eventType: string): EventContract | undefined {
    return this.#rows.get(eventType)?.contract
  }

  list(): readonly EventContract[] {
    return [...this.#rows.values()].map((row) => row.contract)
  }

  /** How keys of a topic stand in its records; `text` where no contract names the topic. */
  keyFormatOf(topic: string): KeyFormat {
    return this.#keyFormats.get(topic) ?? 'text'
  }

  #addKeyFormat({ eventType, topic, keyFormat = 'text' }: EventContract): void {
    const known = this.#keyFormats.get(topic) ?? keyFormat
    if (known !== keyFormat)
      throw new EventsError(
        'MR_EVENTS_BAD_CONTRACT',
        `Contract ${eventType} says that keys of topic "${topic}" are ${keyFormat}, another contract of the topic that they are ${known}. Let both say the same.`,
        { eventType, topic, keyFormat, known },
      )
    this.#keyFormats.set(topic, keyFormat)
  }

  /** The first fault of `data` against the contract, or undefined when it holds. */
  faultOf(eventType: string, data: unknown): string | undefined {
    const row = this.#rows.get(eventType)
    if (!row) return `no contract is named ${eventType}`
    if (row.validator.Check(data)) return undefined
    const [first] = row.validator.Errors(data)
    return first
      ? `data${first.instancePath.replaceAll('/', '.')} ${first.message}`
      : 'data does not match its schema'
  }
}
