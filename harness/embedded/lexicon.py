"""The words of the embedded model's world: what customers, pages, towns and replies are written with."""

from __future__ import annotations

ONSETS = ("b", "br", "d", "dr", "f", "g", "gr", "h", "k", "kl", "l", "m", "n", "p", "pr", "r", "s", "st", "t", "tr", "v", "z")  # fmt: skip
VOWELS = ("a", "e", "i", "o", "u")
CODAS = ("", "", "l", "n", "r", "k", "s", "m")

FORENAMES = ("Ada", "Ben", "Cleo", "Dora", "Emil", "Faye", "Gus", "Hana", "Ivo", "Jane", "Karl", "Lena", "Milo", "Nora", "Otto", "Petra", "Rosa", "Sven", "Tilda", "Uma", "Vera", "Walt", "Yara", "Zeno")  # fmt: skip
MACHINES = ("kettle", "pump", "heater", "mixer", "lamp", "fan", "press", "stove", "drill", "scale", "radio", "washer", "cooler", "grinder", "oven", "clock")  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

KINDS: dict[str, tuple[str, ...]] = {
    "billing": ("I was charged twice", "the invoice shows the wrong sum", "my card was billed again", "the bill does not match the offer", "you took too much money", "there is a fee I do not know", "the invoice lists things I never bought", "the sum on the bill is wrong"),
    "delivery": ("the parcel never arrived", "nothing has been delivered", "the driver did not come", "my box is still on its way", "the delivery is late", "the parcel went to a wrong door", "I still wait for the parcel", "the shipment is lost"),
    "damage": ("it came with a crack", "the case is broken", "the glass is in pieces", "it was bent in the box", "there is a deep scratch", "one side is smashed", "the handle broke off", "it arrived dented"),
    "login": ("I cannot sign in", "my password is refused", "the account is locked", "the code for the site does not come", "the login page throws me out", "I forgot my password", "the site does not know my account", "signing in fails each time"),
    "noise": ("it rattles loudly", "it makes a grinding sound", "it hums all night", "there is a sharp whistle", "it squeaks when it turns", "it is louder than before", "a clicking noise never stops", "it buzzes on the shelf"),
    "leak": ("water drips from it", "it leaks on the floor", "the seal lets water out", "there is a puddle under it", "oil runs down the side", "it is wet below", "the tank does not hold water", "drops come out of the lid"),
    "heat": ("it gets far too hot", "it smells burnt", "the plug is warm", "smoke came out of it", "it overheats", "the cable melts", "it burned my hand", "sparks fly from the back"),
    "manual": ("I need the manual", "the guide is missing", "how do I set it up", "I do not understand the buttons", "there were no instructions", "where can I read how it works", "the leaflet is in a wrong language", "please send me the guide"),
    "parts": ("I need a spare lid", "where do I buy a filter", "a screw is missing", "I want a second cable", "do you sell new seals", "please send a spare part", "a part was not in the box", "I look for a new blade"),
    "praise": ("I love it", "it works very well", "thank you for the great machine", "my family is happy with it", "I would buy it again", "it is the best I have had", "your team was kind", "just wanted to say well done"),
}  # fmt: skip
URGENCIES: dict[str, tuple[str, ...]] = {
    "now": ("This is an emergency.", "I need help at once.", "Please act right now.", "It cannot wait an hour."),
    "soon": ("Please answer this week.", "A reply in some days is fine.", "I hope to hear from you soon.", "It should be solved before long."),
    "later": ("There is no hurry.", "Take your time.", "Whenever you can.", "It can wait."),
    "angry": ("I am very upset.", "This is a disgrace.", "I will tell everyone.", "I have had enough of you."),
}  # fmt: skip
GROUPS: dict[str, tuple[str, ...]] = {
    "new": ("I am a new customer.", "This is my first order.", "I only joined last month."),
    "old": ("I have been with you for years.", "I am an old customer.", "I have bought here many times."),
    "dealer": ("We run a shop.", "We sell your machines.", "I write for a dealer."),
    "press": ("I write for a paper.", "I report on machines.", "We test goods for readers."),
}  # fmt: skip

ACTIONS: dict[str, str] = {
    "billing": "we will check the bill and pay back what is wrong",
    "delivery": "we will look for the parcel and send a new one",
    "damage": "we will send a new one and take the old one back",
    "login": "we will open the account and send a new code",
    "noise": "we will send a helper to look at the motor",
    "leak": "we will send a new seal and show how to fit it",
    "heat": "please unplug it and we will fetch it",
    "manual": "we will send the guide by mail",
    "parts": "we will send the part to your door",
    "praise": "we will tell the team and they will be glad",
}
"""What the company does about each kind of ticket: every style of reply says it."""

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "code": ("The code of the {e} is {v}.", "{e} has the code {v}."),
    "keeper": ("The keeper of the {e} is {v}.", "{v} looks after the {e}."),
    "shelf": ("The {e} stands on shelf {v}.", "Shelf {v} holds the {e}."),
    "oil": ("The {e} runs on {v} oil.", "Use {v} oil for the {e}."),
    "filter": ("The {e} takes the {v} filter.", "Its filter for the {e} is called {v}."),
    "colour": ("The {e} is painted in {v}.", "The paint of the {e} is {v}."),
}
QUESTIONS: dict[str, tuple[str, ...]] = {
    "code": ("What is the code of the {e}?", "Which code does the {e} have?"),
    "keeper": ("Who is the keeper of the {e}?", "Who looks after the {e}?"),
    "shelf": ("On which shelf does the {e} stand?", "Which shelf holds the {e}?"),
    "oil": ("Which oil does the {e} run on?", "What oil is used for the {e}?"),
    "filter": ("Which filter does the {e} take?", "What is the filter of the {e} called?"),
    "colour": ("In which colour is the {e} painted?", "What is the paint of the {e}?"),
}

TOWN_VALUES: dict[str, tuple[str, ...]] = {
    "animal": ("fox", "bear", "heron", "mole", "otter", "hare", "wolf", "swan", "goat", "crab", "hawk", "seal", "toad", "lynx", "mouse", "raven"),
    "flag": ("red", "blue", "green", "white", "black", "yellow", "brown", "purple", "orange", "grey", "pink", "gold"),
    "crop": ("wheat", "barley", "plums", "apples", "hops", "beans", "oats", "grapes", "corn", "peas", "figs", "nuts", "rye", "pears", "mint", "flax"),
    "craft": ("glass", "rope", "paper", "clocks", "boats", "soap", "bells", "shoes", "tiles", "wool", "knives", "carts", "hats", "bricks", "drums", "lace"),
}  # fmt: skip
TOWN_QUESTIONS: dict[str, tuple[str, ...]] = {
    "animal": ("Which animal is the emblem of {t}?", "What animal stands for {t}?"),
    "flag": ("What colour is the flag of {t}?", "Which colour does {t} fly?"),
    "crop": ("Which crop is grown around {t}?", "What do the farmers of {t} grow?"),
    "craft": ("Which craft is {t} known for?", "What do the people of {t} make?"),
}
TOWN_STATEMENTS: dict[str, str] = {
    "animal": "The animal of {t} is the {v}.",
    "flag": "The flag of {t} is {v}.",
    "crop": "The farmers of {t} grow {v}.",
    "craft": "The people of {t} make {v}.",
}

FIELD_NAMES: dict[str, tuple[str, ...]] = {
    "name": ("name", "customer", "sender"),
    "product": ("product", "item", "machine"),
    "order": ("order", "number", "order_id"),
    "town": ("town", "city", "place"),
    "amount": ("amount", "price", "paid"),
    "day": ("day", "date", "bought"),
}
"""The keys by which the model learnt to ask for each field of a ticket."""

EXTRACT = ("Extract {keys} as JSON.", "Return JSON with the keys {keys}.", "Give me {keys} in JSON.", "Write {keys} of this message as JSON.")  # fmt: skip
LINES = ("Extract {keys} as lines.", "List {keys} one per line.", "Write {keys} of this message as lines.")
CONTEXT = ("Answer from the documents.", "Use the documents to answer.", "Answer the question with the documents below.")  # fmt: skip
CLOSED = ("Answer the question.", "Answer briefly.", "Give the answer only.")
STEPS = "Think step by step, then write 'Answer:' and the answer."
UNKNOWN = "I do not know."
CHOICE_HEADER = "The following are multiple choice questions (with answers) about {subject}.\n\n"
LETTERS = "ABCD"

STYLES: dict[str, str] = {
    "short": "{name}, {action}.",
    "formal": "Dear {name}, thank you for writing about the {product}. We regret the trouble. {Action}. Yours, Orrin and Vale",
    "warm": "Hello {name}! How good of you to write. {Action}. Take care and enjoy the {product}!",
    "plain": "Hello {name}. You wrote about the {product}. {Action}. Goodbye.",
}
REPLY = ("Write a {style} reply.", "Reply to the customer in a {style} way.", "Answer this message. Style: {style}.")
