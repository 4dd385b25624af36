/** A fault that can be brought about on the running parts. */
export interface LabFault {
  readonly id: string
  readonly title: string
  /** What is done. */
  readonly act: string
  /** What one should see, if all is well. */
  readonly expected: string
  readonly kind: 'switch' | 'once'
  readonly isOn: boolean
  readonly lastAtMs: number | null
  readonly lastResult: string | null
}

/** What the checker found on the topics so far. */
export interface LabFindings {
  readonly placed: number
  readonly open: number
  readonly oldestOpenMs: number | null
  readonly confirmed: number
  readonly rejected: number
  readonly rolledBack: number
  readonly rolledBackBy: readonly (readonly [source: string, orders: number])[]
  readonly decidedTwice: number
  readonly confirmedWithoutAnswers: number
  readonly repeats: number
  readonly unreadable: number
  /** Why it reads no more; null while it does. */
  readonly fault: string | null
}

export interface LabState {
  readonly faults: readonly LabFault[]
  readonly checker: LabFindings
}

/** What the checker says in one sentence, and whether that is good. */
export interface Verdict {
  readonly tone: 'good' | 'busy' | 'bad' | 'attention'
  readonly text: string
}
