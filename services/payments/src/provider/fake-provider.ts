import type { Clock } from '@millrace/core'
import type { Queryable } from '@millrace/postgres'
import { PaymentsError } from '../errors.ts'
import { readSetting, writeSetting, type ProviderSetting } from '../sql/provider-setting.ts'
import type { PaymentProvider, ProviderOrder, ProviderVerdict } from './payment-provider.ts'
import { isInShare } from './share-of-orders.ts'

/** How long a setting is believed that another instance may have changed, ms. */
const settingAgeMs = 500

/**
 * Stands where a real provider's client would go, and does what it is told: `normal` says yes at once, `reject` no, `late` yes after
 * `delayMs`, `silent` never says anything, `fail` throws. `rate` is the share of orders concerned, the same ones at each call, so
 * that whoever asks twice hears the same. It keeps no books: its answers follow from setting and order id alone.
 */
export class FakeProvider implements PaymentProvider {
  readonly #database: Queryable
  readonly #clock: Clock
  #known: { readonly setting: ProviderSetting; readonly readMs: number } | undefined
  #reading: Promise<ProviderSetting> | undefined
  #changes = 0

  constructor(database: Queryable, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  async setting(): Promise<ProviderSetting> {
    const nowMs = this.#clock.monotonicMs()
    if (this.#known && nowMs - this.#known.readMs < settingAgeMs) return this.#known.setting
    const changes = this.#changes
    this.#reading ??= readSetting(this.#database)
      // What was read before a change, and comes after it, is the setting of before.
      .then((read) =>
        changes === this.#changes || !this.#known ? this.#keep(read) : this.#known.setting,
      )
      .finally(() => (this.#reading = undefined))
    return this.#reading
  }

  async change(setting: ProviderSetting): Promise<void> {
    await writeSetting(this.#database, setting)
    this.#changes++
    this.#keep(setting)
  }

  async reserve(order: ProviderOrder, signal: AbortSignal): Promise<ProviderVerdict> {
    const setting = await this.setting()
    if (setting.mode === 'reject' && isInShare(order.orderId, setting.rate))
      return { kind: 'refused', reason: 'The payment provider refuses the payment.' }
    await this.#behave(setting, order, signal)
    return { kind: 'done' }
  }

  async capture(order: ProviderOrder, signal: AbortSignal): Promise<void> {
    await this.#behave(await this.setting(), order, signal)
  }

  async release(order: ProviderOrder, signal: AbortSignal): Promise<void> {
    await this.#behave(await this.setting(), order, signal)
  }

  #keep(setting: ProviderSetting): ProviderSetting {
    this.#known = { setting, readMs: this.#clock.monotonicMs() }
    return setting
  }

  async #behave(
    setting: ProviderSetting,
    order: ProviderOrder,
    signal: AbortSignal,
  ): Promise<void> {
    if (!isInShare(order.orderId, setting.rate)) return
    switch (setting.mode) {
      case 'normal':
      case 'reject':
        return
      case 'late':
        return this.#clock.sleep(setting.delayMs, signal)
      case 'silent':
        return aborted(signal)
      case 'fail':
        throw new PaymentsError(
          'MR_PAYMENTS_PROVIDER_FAILED',
          `The payment provider failed for order ${order.orderId}, as it was told to; the call is made again. Set its mode to normal to mend it.`,
          { orderId: order.orderId },
        )
    }
  }
}

/** Never resolves; rejects when the signal ends it. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(signal.reason as Error)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}
