"""method = "external", command = ["/opt/unsloth/bin/python", "recipes/unsloth.py", "{model}", "{rows}", "{out}", "{seed}"]"""

import sys

from datasets import load_dataset
from trl import SFTConfig, SFTTrainer
from unsloth import FastLanguageModel

model_id, rows, out, seed = sys.argv[1:]
model, tokenizer = FastLanguageModel.from_pretrained(model_id, max_seq_length=1024, load_in_4bit=True)
model = FastLanguageModel.get_peft_model(model, r=16, lora_alpha=32, random_state=int(seed))
SFTTrainer(
    model=model,
    processing_class=tokenizer,
    train_dataset=load_dataset("json", data_files=rows, split="train"),
    args=SFTConfig(
        output_dir=out,
        num_train_epochs=3,
        per_device_train_batch_size=8,
        learning_rate=2e-4,
        seed=int(seed),
        report_to="none",
    ),
).train()
model.save_pretrained(out)
