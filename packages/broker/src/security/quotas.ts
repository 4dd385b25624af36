/** Names by kind of entity (`user`, `client-id`, `ip`); null is the default entity of the kind. */
export type QuotaEntity = Readonly<Record<string, string | null>>

/** All quotas of an entity from now on; none left: it has no quotas. */
export interface QuotaRecord {
  readonly type: 'quota'
  readonly entity: QuotaEntity
  readonly values: Readonly<Record<string, number>>
}

/** Kinds of entities that may have quotas. */
export const quotaEntityTypes: readonly string[] = ['user', 'client-id', 'ip']

export interface Quota {
  readonly entity: QuotaEntity
  /** By Kafka's names of quotas, for example `producer_byte_rate`. */
  readonly values: ReadonlyMap<string, number>
}

/** How one kind of entity is looked for. */
export interface QuotaComponent {
  readonly entityType: string
  /** Exactly this name; null: the default entity. Undefined: any name. */
  readonly name: string | null | undefined
}

/** Quotas as they were set (KIP-546). They are kept and told, never enforced. */
export class QuotaStore {
  readonly #quotas = new Map<string, Quota>()

  get count(): number {
    return this.#quotas.size
  }

  valuesOf(entity: QuotaEntity): ReadonlyMap<string, number> {
    return this.#quotas.get(keyOf(entity))?.values ?? new Map()
  }

  /** @param isStrict whether an entity may have no kinds beside those asked for */
  find(components: readonly QuotaComponent[], isStrict: boolean): Quota[] {
    return [...this.#quotas.values()].filter(({ entity }) => {
      if (isStrict && Object.keys(entity).length !== components.length) return false
      return components.every(
        ({ entityType, name }) =>
          entityType in entity && (name === undefined || entity[entityType] === name),
      )
    })
  }

  replay({ entity, values }: QuotaRecord): void {
    const entries = Object.entries(values)
    if (entries.length === 0) this.#quotas.delete(keyOf(entity))
    else this.#quotas.set(keyOf(entity), { entity, values: new Map(entries) })
  }

  *snapshot(): Generator<QuotaRecord> {
    for (const { entity, values } of this.#quotas.values())
      yield { type: 'quota', entity, values: Object.fromEntries(values) }
  }
}

function keyOf(entity: QuotaEntity): string {
  return JSON.stringify(Object.entries(entity).toSorted(([one], [other]) => (one < other ? -1 : 1)))
}
