import { asProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { ProblemNotice } from '../../ui/states.tsx'
import { usePlan } from '../operations/use-plan.ts'
import { FailureTable } from './failure-table.tsx'
import type { FailureGroup, Failures } from './model.ts'

/** What the broker refused, by what was wrong with it, and the way to publish all of a service again. */
export function RefusedSection(props: {
  readonly items: readonly FailureGroup[]
  readonly failures: Failures
  readonly isStale: boolean
}) {
  const plan = usePlan()
  const services = new Set(
    props.items.flatMap(({ database, failed }) => (failed > 0 ? [database] : [])),
  )
  return (
    <section aria-label="Could not be published" className="failure-section">
      <h2>Could not be published</h2>
      <p className="eyebrow">The broker refused them, so no consumer has seen them yet.</p>
      <div className="actions">
        {[...services].map((service) => (
          <Button
            key={service}
            icon="turn"
            disabled={plan.isPending}
            onClick={() => plan.mutate({ service, kind: 'republish', filter: {} })}
          >
            All refused ones of {service} …
          </Button>
        ))}
      </div>
      {plan.isError && <ProblemNotice problem={asProblem(plan.error)} />}
      <FailureTable
        caption="What was refused"
        items={props.items}
        failures={props.failures}
        isStale={props.isStale}
      />
    </section>
  )
}
