import { uuidLowerBound } from '@millrace/core'
import { PostgresError } from '../errors.ts'

const dayMs = 86_400_000

/** A UTC day and the ids whose time lies in it: floor inclusive, ceiling exclusive. */
export interface DayRange {
  /** `YYYY-MM-DD` */
  readonly day: string
  readonly idFloor: string
  readonly idCeiling: string
}

/** @throws PostgresError `MR_POSTGRES_BAD_OPTION` for what is no day */
export function rangeOfDay(day: string): DayRange {
  const timeMs = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN
  // "2026-02-30" is taken for the 2nd of March by the parser, so it must come back as it was.
  if (Number.isNaN(timeMs) || timeMs < 0 || dayOfTime(timeMs) !== day)
    throw new PostgresError(
      'MR_POSTGRES_BAD_OPTION',
      `"${day}" is no day of the form YYYY-MM-DD from 1970 on. Nothing was done.`,
      { day },
    )
  return { day, idFloor: uuidLowerBound(timeMs), idCeiling: uuidLowerBound(timeMs + dayMs) }
}

/** The UTC day of a time. */
export function dayOfTime(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}

/** The newest day that is archived when `hotDays` days before today stay. */
export function lastColdDay(nowMs: number, hotDays: number): string {
  return dayOfTime(nowMs - (hotDays + 1) * dayMs)
}

export function partitionName(table: string, day: string): string {
  return `${table}_${day.replaceAll('-', '')}`
}

/** The day of a partition named by `partitionName`; undefined for others, such as one of rows without a time. */
export function dayOfPartition(table: string, partition: string): string | undefined {
  const match = /^_(\d{4})(\d{2})(\d{2})$/.exec(
    partition.startsWith(table) ? partition.slice(table.length) : '',
  )
  return match ? `${match[1]}-${match[2]}-${match[3]}` : undefined
}
