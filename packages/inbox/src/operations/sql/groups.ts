import type { Queryable } from '@millrace/postgres'
import type { HandlerEffects } from '../../types.ts'
import type { KnownGroup } from '../types.ts'

/** What a consumer says of itself, for those who plan operations elsewhere. */
export interface GroupRegistration {
  readonly group: string
  readonly serviceName: string
  readonly topics: readonly string[]
  readonly effects: HandlerEffects
  readonly isAdditive: boolean
  readonly isShadow: boolean
}

export async function registerGroup(
  on: Queryable,
  schema: string,
  registration: GroupRegistration,
): Promise<void> {
  const { group, serviceName, topics, effects, isAdditive, isShadow } = registration
  await on.query(
    `insert into ${schema}.consumption_group as known
       (consumer_group, service_name, topics, effects, is_additive, is_shadow, seen_at)
     values ($1, $2, $3, $4, $5, $6, clock_timestamp())
     on conflict (consumer_group) do update
       set service_name = excluded.service_name,
         topics = excluded.topics,
         effects = excluded.effects,
         is_additive = excluded.is_additive,
         is_shadow = excluded.is_shadow,
         seen_at = excluded.seen_at`,
    [group, serviceName, topics, effects, isAdditive, isShadow],
  )
}

// By way of JSON: a schema whose service has not been upgraded yet does not have the column.
const isAdditive = `coalesce((to_jsonb(known) ->> 'is_additive')::boolean, false)`

/** By name, at most 1,000. */
export async function listGroups(on: Queryable, schema: string): Promise<readonly KnownGroup[]> {
  const found = await on.query<KnownGroup>(
    `select consumer_group as "group", service_name as "serviceName", topics, effects,
       ${isAdditive} as "isAdditive", is_shadow as "isShadow", seen_at as "seenAt"
     from ${schema}.consumption_group known
     order by consumer_group
     limit 1000`,
  )
  return found.rows
}

export async function findGroup(
  on: Queryable,
  schema: string,
  group: string,
): Promise<GroupRegistration | undefined> {
  const found = await on.query<GroupRegistration>(
    `select consumer_group as "group", service_name as "serviceName", topics, effects,
       ${isAdditive} as "isAdditive",
       is_shadow as "isShadow"
     from ${schema}.consumption_group known
     where consumer_group = $1`,
    [group],
  )
  return found.rows[0]
}
