import {useMemo} from 'preact/hooks'
import type {TaskResultsBody} from '../../api/views.js'
import type {SignedManifest, TaskManifest} from '../../domain/task.js'
import {useResource} from '../data.js'
import {bytes, count, quoteClass, short} from '../format.js'
import {Ago, Answer, Chip, Copy, Panel} from '../parts/basics.js'
import {Outputs} from '../parts/outputs.js'
import {Picture} from '../parts/picture.js'
import {Verify} from '../parts/verify.js'
import {addressOf} from '../router.js'

/** The evidence of one task: what was asked, what came, what each validator said, and whether all of it is genuine. */
export function TaskPage({id, latest}: {id: string; latest: number | undefined}) {
  const taskId = /^\d{1,10}$/.test(id) ? Number(id) : 0
  const log = useResource<{tasks: SignedManifest[]}>(
    taskId === 0 ? undefined : `tasks/log?after=${taskId - 1}&limit=1`,
    ['tasks'],
  )
  const results = useResource<TaskResultsBody>(taskId === 0 ? undefined : `tasks/${taskId}/results`, [
    'settled',
    'tasks',
  ])
  const task = log.data?.tasks.find(({manifest}) => manifest.taskId === taskId)
  const nameOf = useMemo(() => {
    const uids = new Map<string, number>(task?.manifest.answers.map(({hotkey, uid}) => [hotkey, uid]))
    return (hotkey: string) => (uids.has(hotkey) ? `uid ${uids.get(hotkey)}` : short(hotkey))
  }, [task])
  return (
    <>
      <header class="title">
        <p class="kicker">
          Task <Neighbours taskId={taskId} latest={latest} />
        </p>
        <h1>#{id}</h1>
        {results.data && task && <State results={results.data} manifest={task.manifest} />}
      </header>
      <Answer of={log}>
        {() =>
          task ? (
            <>
              <Asked manifest={task.manifest} />
              <Answer of={results}>{(data) => <Outputs key={taskId} manifest={task.manifest} results={data} />}</Answer>
              <Panel title="Is it genuine?" note="Counted again in this browser, from the signed documents alone.">
                <Signed task={task} />
                <Verify task={task} results={results.data} nameOf={nameOf} />
              </Panel>
            </>
          ) : (
            <Panel title="There is no such task">
              <p>
                {latest === undefined || latest === 0 ? 'No task has been published yet.' : `The newest is #${latest}.`}{' '}
                Old ones may have been removed by the owner.
              </p>
            </Panel>
          )
        }
      </Answer>
      {taskId === 0 && (
        <Panel title="This is no task number">
          <a href={addressOf(['tasks'])}>To the list of tasks</a>
        </Panel>
      )}
    </>
  )
}

function Neighbours({taskId, latest}: {taskId: number; latest: number | undefined}) {
  return (
    <span class="neighbours">
      {taskId > 1 && (
        <a href={addressOf(['task', String(taskId - 1)])} aria-label={`Task ${taskId - 1}`}>
          ← #{taskId - 1}
        </a>
      )}
      {latest !== undefined && taskId > 0 && taskId < latest && (
        <a href={addressOf(['task', String(taskId + 1)])} aria-label={`Task ${taskId + 1}`}>
          #{taskId + 1} →
        </a>
      )}
    </span>
  )
}

function State({results, manifest}: {results: TaskResultsBody; manifest: TaskManifest}) {
  if (!results.settled)
    return (
      <p>
        <Chip tone="warn">being judged</Chip> Published <Ago at={manifest.createdAt} />. Results stay hidden until every
        validator has voted, because votes that can be seen can be copied.
      </p>
    )
  const passed = results.results.filter((row) => row.passed === true).length
  return (
    <p>
      <Chip tone={passed > 0 ? 'good' : 'plain'}>{passed === 0 ? 'nobody passed' : `${passed} passed`}</Chip> of{' '}
      {manifest.answers.length} asked. Settled <Ago at={results.settled_at} />, at block{' '}
      {count(results.settled_at_block ?? 0)}.
    </p>
  )
}

function Asked({manifest}: {manifest: TaskManifest}) {
  const {source, prompt, firstFrame, kind, block} = manifest
  const kinds = {
    ti2v: 'Make a video from this picture and these words',
    t2v: 'Make a video from these words',
    i2v: 'Make a video from this picture',
  }
  return (
    <Panel title={kinds[kind] ?? 'The task'} class="asked">
      {firstFrame && (
        <Picture src={`media/${manifest.taskId}/frame.png`} alt="The conditioning frame that every miner got" />
      )}
      <div>
        <blockquote class={quoteClass(prompt.text)}>
          {prompt.text === '' ? 'No words were given.' : prompt.text}
        </blockquote>
        <dl class="plain-facts">
          <dt>Words by</dt>
          <dd>{prompt.author === 'measured' ? 'measuring the motion in the hidden original' : prompt.author}</dd>
          <dt>Chosen by</dt>
          <dd>
            the hash of block <span class="number">{count(block.number)}</span>{' '}
            <code title={block.hash}>{block.hash.slice(0, 14)}…</code>
          </dd>
          <dt>From</dt>
          <dd class="number">
            second {source.clipStartS.toFixed(2)} to {(source.clipStartS + source.clipDurationS).toFixed(2)} of clip{' '}
            {source.index + 1} of {count(source.corpusSize)}
          </dd>
        </dl>
      </div>
    </Panel>
  )
}

function Signed({task: {manifest, signer, signature}}: {task: SignedManifest}) {
  return (
    <details>
      <summary>Hashes and signatures</summary>
      <dl class="plain-facts">
        <dt>Exam</dt>
        <dd>
          <Copy text={manifest.examHash} label="the hash of the exam" />
        </dd>
        <dt>Sampler</dt>
        <dd>
          <Copy text={signer} label="the sampler" />
        </dd>
        <dt>Its signature</dt>
        <dd>
          <Copy text={signature} label="the signature of the manifest" />
        </dd>
        <dt>Original clip</dt>
        <dd>
          <Copy text={manifest.clip.sha256} label="the hash of the clip" /> {bytes(manifest.clip.sizeBytes)}
        </dd>
        {manifest.firstFrame && (
          <>
            <dt>Frame</dt>
            <dd>
              <Copy text={manifest.firstFrame.sha256} label="the hash of the frame" />{' '}
              {bytes(manifest.firstFrame.sizeBytes)}
            </dd>
          </>
        )}
      </dl>
      <p>
        <a href={`tasks/log?after=${manifest.taskId - 1}&limit=1`}>The signed manifest as it is</a>
      </p>
    </details>
  )
}
