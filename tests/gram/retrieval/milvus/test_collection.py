"""What a collection asks of its connection: layouts read from fields, and expressions that hold any id."""

import numpy as np
import pytest

from gram.errors import DatabaseError
from gram.retrieval.milvus.collection import Collection, Layout, has_field, vector_field

OWN = ("id", "digest", "base", "there", "slot")


class Connection:
    """Answers from a table, and remembers what it was asked."""

    uri = "here.db"

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def ask(self, method, *args, **options):
        self.asked.append((method, args, options))
        answer = self.answers[method]
        return answer(**options) if callable(answer) else answer


def described(*names, dim=4):
    fields = [{"name": name, "params": {"dim": dim} if name.startswith("vector_") else {}} for name in names]
    return Connection(
        has_collection=True,
        describe_collection={"fields": fields},
        list_indexes=[0] * 9,
        get_load_state={"state": "Loaded"},
    )


def test_a_layout_is_read_from_the_fields():
    names = [field(name) for name in ("image", "my speech") for field in (vector_field, has_field)]
    assert Collection(described(*OWN, *names), "c").layout() == Layout(("image", "my speech"), 4)
    assert Collection(Connection(has_collection=False), "c").layout() is None


def test_what_is_no_set_is_refused():
    with pytest.raises(DatabaseError, match="holds something other than an embedding set"):
        Collection(described("id", "vector"), "c").layout()


def test_a_batch_stays_below_what_a_request_carries():
    assert Layout(("image",), 4).batch == 1000
    assert Layout(("image", "speech"), 4096).batch == 256
    assert Layout(("image",), 1 << 22).batch == 1


def test_ids_are_quoted():
    connection = Connection(query=[])
    assert Collection(connection, "c").digests(['a"b\\', "c\n"]) == {}
    assert connection.asked[0][2]["filter"] == 'id in ["a\\"b\\\\", "c\\n"]'
    assert Collection(connection, "c").digests([]) == {}
    assert len(connection.asked) == 1  # nothing is asked for no id


def test_vectors_that_are_missing_come_back_as_nan():
    layout = Layout(("image", "speech"), 2)
    rows = [
        {"id": "b", "vector_image": [0, 1], "has_image": True, "vector_speech": [0, 0], "has_speech": False},
        {"id": "a", "vector_image": [1, 0], "has_image": True, "vector_speech": [0, 1], "has_speech": True},
    ]
    ids, vectors = Collection(Connection(query=rows), "c").take(layout, ["b", "a"])
    assert ids == ["a", "b"]
    np.testing.assert_array_equal(vectors, [[[1, 0], [0, 1]], [[0, 1], [np.nan, np.nan]]])
