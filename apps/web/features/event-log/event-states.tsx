import { count, duration } from '../../lib/format.ts'
import { Chip } from '../../ui/chip.tsx'
import {
  consumptionStates,
  productionStates,
  type Consumption,
  type Production,
  type TrackedEvent,
} from './model.ts'

/** What the production log says, as icon, word and colour. */
export function ProductionState(props: { readonly production: Production | null }) {
  const { production } = props
  if (production === null)
    return (
      <Chip tone="quiet" title="No tracked production log holds it: it was written elsewhere">
        written elsewhere
      </Chip>
    )
  const { word, tone, means } = productionStates[production.status]
  return (
    <Chip tone={tone} title={production.errorMessage ?? means}>
      {word}
    </Chip>
  )
}

/** What one group made of the event. `hasGroup` false: without its name, where the page says it anyway. */
export function ConsumptionState(props: {
  readonly consumption: Consumption
  readonly hasGroup?: boolean
}) {
  const { group, status, attempts, errorMessage } = props.consumption
  const { word, tone, means } = consumptionStates[status]
  const tries = attempts > 1 ? `, ${count(attempts, 'attempt')}` : ''
  return (
    <Chip tone={tone} title={errorMessage ?? `${group}: ${means}`}>
      {props.hasGroup === false ? '' : `${group} `}
      {word}
      {tries}
    </Chip>
  )
}

/** From writing to the last effect; what is still under way has none yet. */
export function totalOf(event: TrackedEvent): string {
  const totals = event.consumptions.map((each) => each.waits.totalMs)
  const known = totals.filter((each) => each !== null)
  return known.length === 0 || known.length < totals.length ? '–' : duration(Math.max(...known))
}
