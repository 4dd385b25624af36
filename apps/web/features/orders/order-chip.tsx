import { Chip } from '../../ui/chip.tsx'
import { statusTones } from './mappers.ts'
import type { OrderSummary } from './model.ts'

/** The status as the topics have it, its source behind it, in words on hover. */
export function OrderChip(props: {
  readonly order: Pick<OrderSummary, 'status' | 'source' | 'inWords'>
}) {
  const { status, source, inWords } = props.order
  return (
    <Chip tone={statusTones[status]} title={inWords}>
      {source === null ? status : `${status} ${source}`}
    </Chip>
  )
}
