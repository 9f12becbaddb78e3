import {useMemo} from 'preact/hooks'
import type {SignedExam} from '../../domain/exam.js'
import {useResource} from '../data.js'
import type {RateRule} from '../standings.js'

/** Window and forgiveness of the exam in force; the shipped ones until it is known. */
export function useRateRule(): RateRule {
  const exam = useResource<SignedExam>('exam', ['exams'])
  const ranking = exam.data?.exam.params.ranking as Partial<RateRule> | undefined // The video mechanism's; others have none.
  const {window = 100, forgivenMisses = 5} = ranking ?? {}
  return useMemo(() => ({window, forgivenMisses}), [window, forgivenMisses])
}
