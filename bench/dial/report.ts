// The table: a row for each figure, beside what it is measured against, and whether it is what it should be.
import { median } from '../wake/report.ts'

/** The figures of one round of both targets, which run one after the other. */
export interface Pair {
  ours: number
  /** Undefined where a figure is compared with nothing. */
  other?: number
}

export interface Row {
  label: string
  unit: 'ms' | 'us' | '/s' | '% CPU'
  rounds: Pair[]
  /** The name of the target that ours is compared with. */
  beside: string
  /** At most, or at least, so many times the other's figure; or at most so much. */
  aim?: { timesMax?: number; timesMin?: number; max?: number }
}

/** Medians of the rounds. The ratio is the median of the rounds' ratios: each compares two neighbours in time.
 *  @returns the table as lines of text. */
export function table(rows: Row[]): string {
  const lines = [['', 'hookswitch', 'beside it', '', 'ratio', 'aim', ''], ...rows.map(cellsOf)]
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map(line => line[column]!.length)))
  const isText = (column: number) => column === 0 || column === 3 || column >= 5
  return lines
    .map(line =>
      line
        .map((cell, column) =>
          isText(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function cellsOf(row: Row): string[] {
  const { label, rounds, beside, aim } = row
  const ours = median(rounds.map(pair => pair.ours))
  const others = rounds.flatMap(pair => (pair.other === undefined ? [] : [pair.other]))
  const hasOther = others.length > 0
  const ratio = hasOther ? median(rounds.map(pair => pair.ours / pair.other!)) : Number.NaN
  return [
    label,
    show(row, ours),
    hasOther ? show(row, median(others)) : '',
    beside,
    hasOther ? ratio.toFixed(ratio < 10 ? 2 : 1) : '',
    aim ? aimText(row, aim) : '',
    aim ? (isReached(aim, ours, ratio) ? 'reached' : 'MISSED') : '',
  ]
}

function isReached(aim: NonNullable<Row['aim']>, ours: number, ratio: number): boolean {
  if (aim.timesMax !== undefined) return ratio <= aim.timesMax
  if (aim.timesMin !== undefined) return ratio >= aim.timesMin
  return ours <= aim.max!
}

function aimText({ unit }: Row, aim: NonNullable<Row['aim']>): string {
  if (aim.timesMax !== undefined) return `<= ${aim.timesMax} x`
  return aim.timesMin !== undefined ? `>= ${aim.timesMin} x` : `<= ${aim.max} ${unit}`
}

const DECIMALS = { ms: 3, us: 0, '% CPU': 2 }

function show({ unit }: Row, figure: number): string {
  if (unit === '/s') return `${Math.round(figure).toLocaleString('en')} /s`
  return `${figure.toFixed(DECIMALS[unit])} ${unit}`
}
