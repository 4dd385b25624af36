import {
  describeClientQuotasApi,
  errorCodes,
  type DescribeClientQuotasRequest,
  type DescribeClientQuotasResponseInput,
} from '@millrace/protocol'
import { quotaEntityTypes, type QuotaComponent } from '../security/quotas.ts'
import { serve, type RequestContext } from './served-api.ts'

/** DescribeClientQuotas (key 48), versions 0–1: quotas as they were set. They are kept and told, never enforced. */
export const describeClientQuotas = serve({
  api: describeClientQuotasApi,
  versions: [0, 1],
  handle,
})

type Component = DescribeClientQuotasRequest['components'][number]

const matchTypes = { EXACT: 0, DEFAULT: 1, ANY: 2 } as const

function handle(
  { components, strict }: DescribeClientQuotasRequest,
  { broker: { security } }: RequestContext,
): DescribeClientQuotasResponseInput {
  const fault = faultOf(components)
  if (fault !== undefined)
    return { errorCode: errorCodes.INVALID_REQUEST, errorMessage: fault, entries: null }
  const quotas = security.quotas.find(components.map(wantedOf), strict)
  return {
    errorCode: errorCodes.NONE,
    errorMessage: null,
    entries: quotas.map(({ entity, values }) => ({
      entity: Object.entries(entity).map(([entityType, entityName]) => ({
        entityType,
        entityName,
      })),
      values: [...values].map(([key, value]) => ({ key, value })),
    })),
  }
}

function faultOf(components: readonly Component[]): string | undefined {
  const types = components.map(({ entityType }) => entityType)
  if (new Set(types).size < types.length) return 'An entity type is asked for twice.'
  for (const { entityType, matchType, match } of components) {
    if (!quotaEntityTypes.includes(entityType)) return `Unknown entity type "${entityType}".`
    if (!Object.values<number>(matchTypes).includes(matchType))
      return `Unexpected match type ${matchType}.`
    if (matchType === matchTypes.EXACT && match === null)
      return 'Request specified MATCH_TYPE_EXACT, but set match string to null.'
    if (matchType !== matchTypes.EXACT && match !== null)
      return 'Request specified a match string that its match type does not take.'
  }
  return undefined
}

function wantedOf({ entityType, matchType, match }: Component): QuotaComponent {
  if (matchType === matchTypes.ANY) return { entityType, name: undefined }
  return { entityType, name: matchType === matchTypes.DEFAULT ? null : match }
}
