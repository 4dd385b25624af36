import { StreamsError } from '../errors.ts'
import { maxPageRows, type PageRequest } from './store-read.ts'

const maxTimeoutMs = 600_000

/** @throws StreamsError `MR_STREAMS_BAD_QUERY` where a bound of the request is broken */
export function checkRequest({ limit, timeoutMs, partition, maxLagRecords }: PageRequest): void {
  checkInteger('limit', limit, 1, maxPageRows)
  checkInteger('timeoutMs', timeoutMs, 0, maxTimeoutMs)
  if (partition !== undefined) checkInteger('partition', partition, 0, 2 ** 31 - 1)
  if (maxLagRecords !== undefined)
    checkInteger('maxLagRecords', maxLagRecords, 0, Number.MAX_SAFE_INTEGER)
}

function checkInteger(name: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return
  throw new StreamsError(
    'MR_STREAMS_BAD_QUERY',
    `${name} is ${value}; it must be an integer from ${min} to ${max}.`,
    { name, value, min, max },
  )
}
