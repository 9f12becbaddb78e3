/**
 * JSON as a Python string literal: ASCII alone, so that neither quotes, backslashes, line ends nor characters outside
 * the basic plane can mean anything else to Python than to JSON. The outer literal uses only escapes that both know.
 */
export function pythonJson(value: unknown): string {
  const ascii = JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `json.loads(${JSON.stringify(ascii)})`
}

const input = 'GenerationInput'

/** Must say what the class of the same name in the module says; a test compares them where pydantic is at hand. */
const properties = {
  prompt: {maxLength: 10000, title: 'Prompt', type: 'string'},
  image: nullable('string', 'Image', {}),
  negative_prompt: {default: '', maxLength: 10000, title: 'Negative Prompt', type: 'string'},
  num_frames: nullable('integer', 'Num Frames', {maximum: 161, minimum: 1}),
  frames: nullable('integer', 'Frames', {maximum: 161, minimum: 1}),
  fps: {default: 16, maximum: 60, minimum: 1, title: 'Fps', type: 'integer'},
  width: {default: 832, maximum: 2048, minimum: 64, title: 'Width', type: 'integer'},
  height: {default: 480, maximum: 2048, minimum: 64, title: 'Height', type: 'integer'},
  seed: nullable('integer', 'Seed', {maximum: 4294967295, minimum: 0}),
  guidance_scale: {default: 5.0, maximum: 20, minimum: 1, title: 'Guidance Scale', type: 'number'},
  num_inference_steps: {default: 30, maximum: 100, minimum: 1, title: 'Num Inference Steps', type: 'integer'},
}

function nullable(type: string, title: string, limits: object) {
  return {anyOf: [{...limits, type}, {type: 'null'}], default: null, title}
}

/** As the provider's own tool describes the one function of the module. */
export const generationCord = {
  method: 'POST',
  path: '/generate',
  public_api_path: '/generate',
  public_api_method: 'POST',
  stream: false,
  function: 'generate',
  input_schema: {
    type: 'object',
    properties: {input_args: {$ref: `#/definitions/${input}`}},
    required: ['input_args'],
    definitions: {[input]: {properties, required: ['prompt'], type: 'object'}},
  },
  output_schema: null,
  output_content_type: 'video/mp4',
  minimal_input_schema: null,
  passthrough: false,
} as const

/** A chute that loads one model at one commit and answers the published generation request. */
export function pythonModule(settings: Readonly<Record<string, unknown>>): string {
  return `"""Serves one video model of the subnet. Made by "leoma miner push"; SETTINGS holds all that differs."""

import asyncio
import base64
import io
import json
import os
import tempfile
from typing import Optional

from chutes.chute import Chute, NodeSelector
from fastapi import HTTPException, Response
from pydantic import BaseModel, Field

SETTINGS = ${pythonJson(settings)}

chute = Chute(
    username=SETTINGS["username"],
    name=SETTINGS["model_name"],
    tagline=SETTINGS["model_name"],
    readme=SETTINGS["model_name"],
    image=SETTINGS["image"],
    revision=SETTINGS["model_revision"],
    node_selector=NodeSelector(
        gpu_count=SETTINGS["gpu_count"],
        min_vram_gb_per_gpu=SETTINGS["min_vram_gb"],
        include=SETTINGS["gpus"] or None,
    ),
    concurrency=SETTINGS["concurrency"],
    max_instances=SETTINGS["max_instances"],
    scaling_threshold=0.75,
    shutdown_after_seconds=SETTINGS["shutdown_after_seconds"],
    allow_external_egress=False,
)


class ${input}(BaseModel):
    prompt: str = Field(max_length=10000)
    image: Optional[str] = None
    negative_prompt: str = Field(default="", max_length=10000)
    num_frames: Optional[int] = Field(default=None, ge=1, le=161)
    frames: Optional[int] = Field(default=None, ge=1, le=161)
    fps: int = Field(default=16, ge=1, le=60)
    width: int = Field(default=832, ge=64, le=2048)
    height: int = Field(default=480, ge=64, le=2048)
    seed: Optional[int] = Field(default=None, ge=0, le=4294967295)
    guidance_scale: float = Field(default=5.0, ge=1, le=20)
    num_inference_steps: int = Field(default=30, ge=1, le=100)


@chute.on_startup()
async def load(self):
    import torch
    from diffusers import DiffusionPipeline

    self.torch = torch
    self.one_at_a_time = asyncio.Lock()
    self.pipeline = DiffusionPipeline.from_pretrained(
        SETTINGS["model_name"],
        revision=SETTINGS["model_revision"],
        torch_dtype=torch.bfloat16,
    ).to("cuda")


def first_frame(text, width, height):
    from PIL import Image, ImageOps

    try:
        data = base64.b64decode(text, validate=True)
        picture = Image.open(io.BytesIO(data)).convert("RGB")
    except Exception:
        raise HTTPException(status_code=400, detail="image is not a picture in base64")
    return ImageOps.fit(picture, (width, height))


def render(self, params, picture):
    from diffusers.utils import export_to_video

    generator = self.torch.Generator(device="cuda")
    generator.manual_seed(42 if params.seed is None else params.seed)
    arguments = {} if picture is None else {"image": picture}
    with self.torch.inference_mode():
        frames = self.pipeline(
            prompt=params.prompt,
            negative_prompt=params.negative_prompt,
            width=params.width,
            height=params.height,
            num_frames=params.num_frames or params.frames or 81,
            guidance_scale=params.guidance_scale,
            num_inference_steps=params.num_inference_steps,
            generator=generator,
            **arguments,
        ).frames[0]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.mp4")
        export_to_video(frames, path, fps=params.fps)
        with open(path, "rb") as file:
            return file.read()


@chute.cord(
    path="/generate",
    public_api_path="/generate",
    public_api_method="POST",
    method="POST",
    input_schema=${input},
    output_content_type="video/mp4",
)
async def generate(self, params: ${input}) -> Response:
    picture = None
    if params.image is not None:
        picture = first_frame(params.image, params.width, params.height)
    async with self.one_at_a_time:
        video = await asyncio.to_thread(render, self, params, picture)
    return Response(content=video, media_type="video/mp4")
`
}
