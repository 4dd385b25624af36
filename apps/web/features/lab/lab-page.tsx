import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { duration, integer } from '../../lib/format.ts'
import { asProblem } from '../../lib/problem.ts'
import { useProblem } from '../../lib/use-problem.ts'
import { useTitle } from '../../lib/use-title.ts'
import { Button } from '../../ui/button.tsx'
import { Changing } from '../../ui/changing.tsx'
import { Chip } from '../../ui/chip.tsx'
import { MissingPage, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { Time } from '../../ui/time.tsx'
import { getLab, resetLab, setFault } from './api.ts'
import { verdictOf } from './mappers.ts'
import type { LabFault, LabFindings } from './model.ts'
import './lab.css'

const liveMs = 1_000
const labKey = ['lab'] as const

/** Faults to bring about on the running parts, and a checker that looks on. */
export function LabPage() {
  useTitle('Lab')
  const client = useQueryClient()
  const lab = useQuery({
    queryKey: labKey,
    queryFn: ({ signal }) => getLab(signal),
    refetchInterval: liveMs,
    retry: false,
  })
  const reset = useMutation({
    mutationFn: resetLab,
    onSettled: () => client.invalidateQueries({ queryKey: labKey }),
  })
  const problem = useProblem(lab)
  if (problem?.isMissing === true && lab.data === undefined)
    return (
      <MissingPage
        heading="Lab"
        title="There is no lab here"
        problem={problem}
        action={
          <Link to="/" className="button" data-look="primary">
            To the Overview
          </Link>
        }
      />
    )
  const isAnyOn = lab.data?.faults.some((fault) => fault.isOn) ?? false
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>Lab</h1>
          <p>
            Break the running parts and watch orders come through. Place some under{' '}
            <Link to="/orders">Orders</Link> first, then press.
          </p>
        </div>
        <Button icon="turn" disabled={!isAnyOn || reset.isPending} onClick={() => reset.mutate()}>
          Switch all off
        </Button>
      </header>
      {problem !== null && (
        <ProblemNotice
          problem={problem}
          onRetry={() => void lab.refetch()}
          lastGoodAtMs={lab.dataUpdatedAt}
        />
      )}
      {reset.isError && <ProblemNotice problem={asProblem(reset.error)} />}
      {lab.isPending && problem === null && <Skeleton lines={9} label="the lab" />}
      {lab.data !== undefined && (
        <>
          <Checker found={lab.data.checker} />
          <section aria-label="Faults" className="lab-faults">
            {lab.data.faults.map((fault) => (
              <Fault key={fault.id} fault={fault} />
            ))}
          </section>
        </>
      )}
    </div>
  )
}

function Checker(props: { readonly found: LabFindings }) {
  const { found } = props
  const verdict = verdictOf(found)
  const figures: readonly (readonly [label: string, value: number])[] = [
    ['placed', found.placed],
    ['open', found.open],
    ['confirmed', found.confirmed],
    ['rejected', found.rejected],
    ['rolled back', found.rolledBack],
    ['repeats, left out', found.repeats],
    ['unreadable', found.unreadable],
  ]
  return (
    <section className="plate lab-checker" aria-labelledby="checker-title">
      <div className="lab-verdict">
        <h2 id="checker-title">Checker</h2>
        <p role="status">
          <Chip tone={verdict.tone}>{verdict.text}</Chip>
        </p>
      </div>
      <p className="eyebrow">
        It reads the topics from their beginning, and believes no service’s tables.
      </p>
      <dl className="lab-figures">
        {figures.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              <Changing value={value}>{integer(value)}</Changing>
            </dd>
          </div>
        ))}
        <div>
          <dt>oldest open</dt>
          <dd className="figure">{duration(found.oldestOpenMs)}</dd>
        </div>
      </dl>
      {found.rolledBackBy.length > 0 && (
        <p>
          Rolled back by{' '}
          {found.rolledBackBy.map(([source, orders]) => `${source} ${integer(orders)}`).join(', ')}
        </p>
      )}
    </section>
  )
}

function Fault(props: { readonly fault: LabFault }) {
  const { fault } = props
  const client = useQueryClient()
  const set = useMutation({
    mutationFn: (isOn: boolean) => setFault(fault.id, isOn),
    onSettled: () => client.invalidateQueries({ queryKey: labKey }),
  })
  const isSwitch = fault.kind === 'switch'
  return (
    <article className="plate lab-fault" data-on={fault.isOn}>
      <header>
        <h2>{fault.title}</h2>
        {fault.isOn && <Chip tone="attention">on</Chip>}
      </header>
      <p>{fault.act}</p>
      <p className="eyebrow">Expected: {fault.expected}</p>
      <div className="actions">
        <Button
          look={fault.isOn ? 'primary' : 'danger'}
          disabled={set.isPending}
          aria-pressed={isSwitch ? fault.isOn : undefined}
          aria-label={`${isSwitch ? (fault.isOn ? 'Switch off' : 'Switch on') : 'Do it'}: ${fault.title}`}
          onClick={() => set.mutate(!fault.isOn)}
        >
          {isSwitch ? (fault.isOn ? 'Switch off' : 'Switch on') : 'Do it'}
        </Button>
        {fault.lastAtMs !== null && (
          <small>
            {fault.lastResult}, <Time atMs={fault.lastAtMs} />
          </small>
        )}
      </div>
      {set.isError && <ProblemNotice problem={asProblem(set.error)} />}
    </article>
  )
}
