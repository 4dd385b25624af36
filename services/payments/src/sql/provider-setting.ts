import type { Queryable } from '@millrace/postgres'

export type ProviderMode = 'normal' | 'reject' | 'late' | 'silent' | 'fail'

/** How the fake provider answers. */
export interface ProviderSetting {
  readonly mode: ProviderMode
  /** Of `late`. */
  readonly delayMs: number
  /** Share of orders that the mode concerns, 0 to 1. */
  readonly rate: number
}

/** Yes to everything, at once: what a new database begins with. */
export const normalSetting: ProviderSetting = { mode: 'normal', delayMs: 30_000, rate: 1 }

const read = {
  name: 'read_provider_setting',
  text: 'select mode, delay_ms as "delayMs", rate from fake_provider',
}
const write = {
  name: 'write_provider_setting',
  text: 'update fake_provider set mode = $1, delay_ms = $2, rate = $3',
}

export async function readSetting(on: Queryable): Promise<ProviderSetting> {
  const [row] = (await on.query<ProviderSetting>(read)).rows
  return row ?? { mode: 'normal', delayMs: 0, rate: 1 }
}

export async function writeSetting(
  on: Queryable,
  { mode, delayMs, rate }: ProviderSetting,
): Promise<void> {
  await on.query(write, [mode, delayMs, rate])
}
