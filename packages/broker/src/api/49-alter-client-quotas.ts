import {
  alterClientQuotasApi,
  errorCodes,
  type AlterClientQuotasRequest,
  type AlterClientQuotasResponseInput,
} from '@millrace/protocol'
import { limits } from '../limits.ts'
import { quotaEntityTypes, type QuotaEntity } from '../security/quotas.ts'
import type { SecurityJournalRecord } from '../security/security-records.ts'
import type { SecurityState } from '../security/security-state.ts'
import { serve, type RequestContext } from './served-api.ts'

/**
 * AlterClientQuotas (key 49), versions 0–1: sets and removes quotas, each entity by itself. They are kept over restarts and told by
 * DescribeClientQuotas, never enforced.
 */
export const alterClientQuotas = serve({ api: alterClientQuotasApi, versions: [0, 1], handle })

type Entry = AlterClientQuotasRequest['entries'][number]

const clientQuotas = [
  'producer_byte_rate',
  'consumer_byte_rate',
  'request_percentage',
  'controller_mutation_rate',
]
const ipQuotas = ['connection_creation_rate']

async function handle(
  { entries, validateOnly }: AlterClientQuotasRequest,
  { broker: { security } }: RequestContext,
): Promise<AlterClientQuotasResponseInput> {
  const changes: SecurityJournalRecord[] = []
  const answers = entries.map(({ entity, ops }) => {
    const fault = faultOf({ entity, ops })
    if (fault !== undefined)
      return { errorCode: errorCodes.INVALID_REQUEST, errorMessage: fault, entity }
    if (security.quotas.count + changes.length >= limits.quotas) {
      const errorMessage = `There are ${limits.quotas} entities with quotas, which is the most.`
      return { errorCode: errorCodes.INVALID_REQUEST, errorMessage, entity }
    }
    changes.push(changeOf({ entity, ops }, security))
    return { errorCode: errorCodes.NONE, errorMessage: null, entity }
  })
  if (!validateOnly) await security.change(changes)
  return { entries: answers }
}

function changeOf({ entity, ops }: Entry, { quotas }: SecurityState): SecurityJournalRecord {
  const named: QuotaEntity = Object.fromEntries(
    entity.map(({ entityType, entityName }) => [entityType, entityName]),
  )
  const values = new Map(quotas.valuesOf(named))
  for (const { key, value, remove } of ops) {
    if (remove) values.delete(key)
    else values.set(key, value)
  }
  return { type: 'quota', entity: named, values: Object.fromEntries(values) }
}

function faultOf({ entity, ops }: Entry): string | undefined {
  const types = entity.map(({ entityType }) => entityType)
  const unknown = types.find((type) => !quotaEntityTypes.includes(type))
  if (unknown !== undefined) return `Unhandled client quota entity type: ${unknown}`
  if (types.length === 0) return 'Invalid empty client quota entity'
  if (new Set(types).size < types.length) return 'An entity type is named twice.'
  if (entity.some(({ entityName }) => entityName === '')) return 'An entity has an empty name.'
  const isIp = types.includes('ip')
  if (isIp && types.length > 1) return 'Invalid quota entity combination: ip goes alone.'
  for (const { key, value, remove } of ops) {
    if (!(isIp ? ipQuotas : clientQuotas).includes(key)) return `Invalid configuration key ${key}`
    if (!remove && !(value > 0)) return `Quota ${key} must be greater than 0`
  }
  return undefined
}
