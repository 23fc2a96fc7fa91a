// The table: a row for each figure, a column for each target, and hookswitch's ratios to the others.
import type { TargetKind } from './requests.ts'

/** Figures by target; undefined where a target was left out. */
export interface Row {
  label: string
  unit: string
  decimals: number
  figures: Partial<Record<TargetKind, number>>
}

export function median(values: number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** @returns the table as lines of text. */
export function table(rows: Row[], kinds: TargetKind[]): string {
  const head = ['', ...kinds, ...kinds.slice(1).map(kind => `/ ${kind}`)]
  const lines = rows.map(row => {
    const ours = row.figures.hookswitch
    const ratios = kinds.slice(1).map(kind => {
      const theirs = row.figures[kind]
      return ours === undefined || theirs === undefined ? '-' : (ours / theirs).toFixed(2)
    })
    return [row.label, ...kinds.map(kind => show(row, row.figures[kind])), ...ratios]
  })
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map(line => line[column]!.length)))
  return [head, ...lines]
    .map(line =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
        .join('  '),
    )
    .join('\n')
}

function show({ unit, decimals }: Row, figure: number | undefined): string {
  if (figure === undefined) return '-'
  const [whole = '', fraction] = figure.toFixed(decimals).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return `${grouped}${fraction === undefined ? '' : `.${fraction}`} ${unit}`
}
