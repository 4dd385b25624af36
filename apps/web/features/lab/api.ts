import { request } from '../../lib/http.ts'
import { toLabFault, toLabState } from './mappers.ts'
import type { LabFault, LabState } from './model.ts'

export async function getLab(signal?: AbortSignal): Promise<LabState> {
  return toLabState((await request('/api/lab', { signal })).body)
}

export async function setFault(id: string, isOn: boolean): Promise<LabFault> {
  const path = `/api/lab/faults/${encodeURIComponent(id)}`
  return toLabFault((await request(path, { method: 'PUT', body: { isOn } })).body)
}

export async function resetLab(): Promise<LabState> {
  return toLabState((await request('/api/lab/reset', { method: 'POST', body: {} })).body)
}
