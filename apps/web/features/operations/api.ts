import { request } from '../../lib/http.ts'
import {
  toItemPage,
  toKnownGroups,
  toOperation,
  toOperationDetail,
  toOperationPage,
} from './mappers.ts'
import type {
  ItemPage,
  KnownGroup,
  Operation,
  OperationDetail,
  OperationPage,
  OperationSearch,
  PlanRequest,
} from './model.ts'

const base = '/api/tracking'
const pageSize = 50

/** Looks what it would touch; changes nothing. */
export async function planOperation(plan: PlanRequest): Promise<Operation> {
  const { body } = await request(`${base}/operations`, { method: 'POST', body: plan })
  return toOperation(body)
}

export type OperationAct = 'confirm' | 'pause' | 'resume' | 'cancel' | 'rate'

export async function act(
  id: string,
  what: OperationAct,
  body: { readonly reason: string; readonly ratePerSecond?: number },
): Promise<Operation> {
  const answer = await request(`${base}/operations/${encodeURIComponent(id)}/${what}`, {
    method: 'POST',
    body,
  })
  return toOperation(answer.body)
}

export async function listOperations(
  search: OperationSearch,
  before: string | null,
  signal?: AbortSignal,
): Promise<OperationPage> {
  const query = new URLSearchParams({ limit: String(pageSize) })
  if (search.state) query.set('state', search.state)
  if (search.group) query.set('group', search.group)
  if (before !== null) query.set('before', before)
  return toOperationPage((await request(`${base}/operations?${query}`, { signal })).body)
}

export async function getOperation(id: string, signal?: AbortSignal): Promise<OperationDetail> {
  const path = `${base}/operations/${encodeURIComponent(id)}`
  return toOperationDetail((await request(path, { signal })).body)
}

export async function listItems(
  id: string,
  after: number | null,
  signal?: AbortSignal,
): Promise<ItemPage> {
  const query = new URLSearchParams({ limit: '100' })
  if (after !== null) query.set('after', String(after))
  const path = `${base}/operations/${encodeURIComponent(id)}/items?${query}`
  return toItemPage((await request(path, { signal })).body)
}

export async function listGroups(signal?: AbortSignal): Promise<readonly KnownGroup[]> {
  return toKnownGroups((await request(`${base}/groups`, { signal })).body)
}
