import type {Calibration} from './calibrate.js'
import type {Noise} from './figures.js'
import {type Plot, svgOf} from './plot.js'

const percent = (share: number) => `${(100 * share).toFixed(1)} %`

/** The files of a report by their names: the plots, and a page of Markdown that shows them. */
export function reportFiles(calibration: Calibration): Record<string, string> {
  return {
    'report.md': markdown(calibration),
    'ladder.svg': svgOf(ladderPlot(calibration)),
    'roc.svg': svgOf(rocPlot(calibration)),
    'calibration.json': `${JSON.stringify(calibration, null, 2)}\n`,
  }
}

function ladderPlot({figures, exam}: Calibration): Plot {
  return {
    title: 'What the judge makes of ten degradations',
    x: {name: 'strength (0 is the original, encoded again)', from: 0, to: 5, ticks: [0, 1, 2, 3, 4, 5]},
    y: {name: 'mean overall score', from: 0, to: 100, ticks: [0, 20, 40, 60, 80, 100]},
    series: figures.separation.map(({degradation, means}) => ({
      name: degradation,
      points: [figures.good.mean, ...means].map((mean, strength) => [strength, mean] as const),
    })),
    lines: [{name: `passes from ${exam.passThreshold}`, y: exam.passThreshold}],
  }
}

function rocPlot({figures}: Calibration): Plot {
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
  const points = figures.roc.map(({badPassed, goodPassed}) => [badPassed, goodPassed] as const)
  return {
    title: `Good against degraded: area ${figures.area.toFixed(4)}`,
    x: {name: 'share of degraded outputs at or above the threshold', from: 0, to: 1, ticks},
    y: {name: 'share of good outputs', from: 0, to: 1, ticks},
    series: [
      {name: 'judge', points},
      {
        name: 'chance',
        points: [
          [0, 0],
          [1, 1],
        ],
      },
    ],
  }
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [head, head.map(() => '---'), ...rows]
    .map((row) => `| ${row.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')
}

function markdown({clips, judges, figures, exam, outputs}: Calibration): string {
  const {good, noise, recommended} = figures
  const noiseRow = (what: string, {outputs: count, mean, p95, most, flips}: Noise) => [
    what,
    ...(count === 0 ? ['-', '-', '-', '-', '-'] : [count, mean.toFixed(2), p95, most, percent(flips)]),
  ]
  return [
    '# Calibration',
    '',
    `${outputs.length} outputs of ${clips.length} clips (${clips.map((name) => `\`${name.replaceAll('`', '')}\``).join(', ')}), judged by ${judges.join(' and ')}.`,
    `A judge that asks nobody and a gate that fails count as an overall of 0.`,
    '',
    '## Separation',
    '',
    `Good outputs: ${good.outputs}, mean ${good.mean.toFixed(1)}, least ${good.least}, ${percent(good.passed)} pass. Area under the ROC curve against all degraded ones: **${figures.area.toFixed(4)}**.`,
    '',
    table(
      ['degradation', 'mean overall at strength 1 … 5', 'passes at 1 … 5', 'area', 'area, strengths 3 … 5'],
      figures.separation.map(({degradation, about, means, passes, area, areaOfWorst}) => [
        `${degradation} (${about})`,
        means.map((mean) => mean.toFixed(0)).join(' '),
        passes.map((share) => `${Math.round(100 * share)} %`).join(' '),
        area.toFixed(3),
        areaOfWorst.toFixed(3),
      ]),
    ),
    '',
    '![scores over strength](ladder.svg)',
    '',
    '![ROC curve](roc.svg)',
    '',
    '## Noise',
    '',
    table(
      ['of', 'outputs', 'mean difference', '95 % within', 'most', 'verdicts that turn'],
      [
        noiseRow('the same bytes judged twice', noise.twice),
        noiseRow('the same video encoded again', noise.again),
        ...noise.judges.map((one, index) => noiseRow(`${judges[0]} and ${judges[index + 1]}`, one)),
      ],
    ),
    '',
    '## Recommended',
    '',
    table(
      ['figure', 'in the exam', 'recommended', 'because'],
      [
        [
          '`judge.passThreshold`',
          exam.passThreshold,
          recommended.passThreshold,
          `good that fail: ${percent(recommended.atCurrent.goodFailed)} now, ${percent(recommended.atRecommended.goodFailed)} then; strengths 3 to 5 that pass: ${percent(recommended.atCurrent.badPassed)} now, ${percent(recommended.atRecommended.badPassed)} then`,
        ],
        [
          '`ranking.dominance`, at least',
          exam.dominance,
          recommended.dominance,
          `encoding alone turns ${percent(recommended.noiseShare)} of verdicts near the line`,
        ],
      ],
    ),
    '',
  ].join('\n')
}
