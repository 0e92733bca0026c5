"""From export folders to processed graphs: values, splits, files and incremental runs, with numbers by hand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.features import FeatureEncoder
from training_scripts.graph_ml.graph import EdgeType, GraphData, Target
from training_scripts.graph_ml.models.families import families
from training_scripts.graph_ml.schemas import InstanceRecommendation, ModelHpoConfiguration

Run = Callable[..., Any]
FRIEND = EdgeType("User", "FRIEND", "User")
RATED = EdgeType("User", "RATED", "Film")
LINKS = Target("link_prediction", FRIEND)
USERS = '~id,~label,age,town\n"a","User",10,x\n"b","User",20,y\n"c","User",50,x\n"d","User",,\n'
FRIENDS = '~id,~label,~from,~to,since\n"1","FRIEND","a","b",1\n"2","FRIEND","b","c",2\n"3","FRIEND","c","d",3\n'
AGE = {"feature": ["age", "age", "numerical"], "imputer": "median"}
TOWN = {"feature": ["town", "town", "category"]}
SINCE = {"feature": ["since", "since", "numerical"], "norm": "none"}


def link(*rates: float) -> list[dict[str, Any]]:
    return [{"label": ["", "link_prediction"], "split_rate": list(rates)}]


def test_brackets_and_stars_in_the_path_of_a_folder_are_no_pattern(export: Any, run: Run) -> None:
    export.node(USERS, features=[TOWN])
    export.edge(FRIENDS)
    assert run("run [1] *").graph.num_nodes == {"User": 4}


def test_ids_become_indices_in_the_order_of_the_files(export: Any, run: Run) -> None:
    export.node(USERS, features=[AGE, TOWN])
    export.edge(FRIENDS, features=[SINCE])
    graph = run().graph
    assert graph.node_ids["User"] == ["a", "b", "c", "d"]
    assert graph.edges[FRIEND].source.tolist() == [0, 1, 2]
    assert graph.edges[FRIEND].target.tolist() == [1, 2, 3]
    assert graph.edge_ids[FRIEND] == ["1", "2", "3"]
    # median of 10, 20, 50 is 20; min-max over 10..50
    assert graph.features["User"]["age"].tolist() == [[0.0], [0.25], [1.0], [0.25]]
    assert graph.features["User"]["town"].tolist() == [[1, 0], [0, 1], [1, 0], [0, 0]]
    assert graph.edge_features[FRIEND]["since"].tolist() == [[1.0], [2.0], [3.0]]
    assert graph.encodings["User", "town"] == "category"


def test_without_targets_all_edges_are_learned_nine_to_one(export: Any, run: Run) -> None:
    users = "~id,~label\n" + "".join(f"u{i},User\n" for i in range(21))
    edges = "~id,~label,~from,~to\n" + "".join(f"e{i},FRIEND,u{i},u{i + 1}\n" for i in range(20))
    export.node(users)
    export.edge(edges)
    done = run()
    train, valid, test = done.split(LINKS)
    assert (len(train), len(valid), len(test)) == (18, 2, 0)
    assert sorted(train + valid) == list(range(20))
    assert any("no target was named" in line for line in done.log)


def test_the_same_seed_gives_the_same_bytes_and_another_another_split(export: Any, run: Run) -> None:
    users = "~id,~label,t\n" + "".join(f"u{i},User,{i % 7} words here {i}\n" for i in range(50))
    edges = "~id,~label,~from,~to\n" + "".join(f"e{i},FRIEND,u{i},u{(i * 7 + 1) % 50}\n" for i in range(50))
    export.node(users, features=[{"feature": ["t", "t", "text_tfidf"]}])
    export.edge(edges, labels=link(0.8, 0.1, 0.1))
    first, again, other = run("1", seed=3), run("2", seed=3), run("3", seed=4)
    names = [p.relative_to(first.output) for p in first.output.rglob("*") if p.suffix in {".npy", ".json", ".arrow"}]
    assert len(names) > 8
    for name in names:
        if name.name != "train_instance_recommendation.json":  # holds what was measured
            assert (first.output / name).read_bytes() == (again.output / name).read_bytes(), name
    assert first.split(LINKS) == again.split(LINKS) != other.split(LINKS)
    assert first.graph.dataset_hash == again.graph.dataset_hash != other.graph.dataset_hash


def test_an_edge_and_its_reverse_are_never_parted(export: Any, run: Run) -> None:
    pairs = [(i, j) for i in range(8) for j in range(i)]
    lines = [f"e{i}-{j},FRIEND,u{i},u{j}\ne{j}-{i},FRIEND,u{j},u{i}\n" for i, j in pairs]
    export.node("~id,~label\n" + "".join(f"u{i},User\n" for i in range(8)))
    export.edge("~id,~label,~from,~to\n" + "".join(lines), labels=link(0.5, 0.25, 0.25))
    done = run()
    parts = done.split(LINKS)
    assert [len(part) for part in parts] == [28, 14, 14]
    edges = done.graph.edges[FRIEND]
    sets = [{frozenset((int(edges.source[i]), int(edges.target[i]))) for i in part} for part in parts]
    assert len(sets[0]) + len(sets[1]) + len(sets[2]) == len(set.union(*sets)) == 28


def test_names_may_be_encoded_or_not_and_files_packed(export: Any, run: Run) -> None:
    export.node(USERS, name="nodes/User.consolidated.csv")
    export.edge(FRIENDS, name="edges/(User)-FRIEND-(User).csv")
    export.edges[0]["file_name"] = "edges/%28User%29-FRIEND-%28User%29.csv"
    packed = export.folder / "nodes/User.consolidated.csv.gz"
    packed.write_bytes(gzip.compress((export.folder / "nodes/User.consolidated.csv").read_bytes()))
    (export.folder / "nodes/User.consolidated.csv").unlink()
    assert run().graph.num_nodes["User"] == 4


def test_other_separators_and_several_files_of_one_type(export: Any, run: Run) -> None:
    export.node("~id;age\na;10\nb;30\n", name="nodes/1.csv", features=[AGE])
    export.nodes[0]["separator"] = ";"
    export.node("~id,age\nb,99\nc,20\n", name="nodes/2.csv", features=[AGE])
    export.edge("~id,~from,~to\n1,a,c\n", name="edges/1.csv")
    export.edge("~id,~from,~to\n2,c,b\n", name="edges/2.csv")
    done = run()
    assert done.graph.node_ids["User"] == ["a", "b", "c"]
    # b keeps the 30 of its first row; 10..30
    assert done.graph.features["User"]["age"].ravel().tolist() == [0.0, 1.0, 0.5]
    assert done.graph.edges[FRIEND].source.tolist() == [0, 2]
    assert done.graph.edge_ids[FRIEND] == ["1", "2"]
    assert any("1 rows of node type User repeat an id" in line for line in done.log)


def test_a_column_completes_the_name_of_the_relation(export: Any, run: Run) -> None:
    export.node("~id\na\nb\n")
    export.edge("~from,~to,how\na,b,likes\nb,a,knows\na,a,likes\n", relation=["how", "REL"])
    graph = run().graph
    assert [kind.relation for kind in graph.edge_types] == ["REL-knows", "REL-likes"]
    assert graph.edges[EdgeType("User", "REL-likes", "User")].target.tolist() == [1, 0]


def test_without_node_files_the_ends_of_edges_are_the_nodes(export: Any, run: Run) -> None:
    export.edge("~from,~to\nx,y\nz,x\n")
    done = run()
    assert done.graph.node_ids["User"] == ["x", "z", "y"]
    assert any("no node files" in line for line in done.log)


def test_properties_of_type_none_are_kept_raw(export: Any, run: Run) -> None:
    export.node(USERS, features=[{"feature": ["town", "town", "none"]}])
    export.edge(FRIENDS, features=[{"feature": ["since", "since", "none"]}])
    graph = run().graph
    assert graph.raw["User"]["town"] == ["x", "y", "x", None]
    assert graph.edge_raw[FRIEND]["since"] == ["1", "2", "3"]
    assert graph.features["User"] == {}


class TestLabels:
    """Targets of all five tasks."""

    def test_classes_of_nodes(self, export: Any, run: Run) -> None:
        export.node(USERS, labels=[{"label": ["town", "classification"], "split_rate": [0.6, 0.4, 0.0]}])
        export.edge(FRIENDS)
        done = run()
        target = Target("node_class", "User", "town")
        assert done.graph.targets == (target,)
        assert done.graph.labels[target].classes == ("x", "y")
        assert done.graph.labels[target].values.tolist() == [0, 1, 0, -1]
        train, valid, test = done.split(target)
        assert (len(train), len(valid), test) == (2, 1, [])
        assert 3 not in train + valid
        assert done.json("model-hpo-configuration.json")["models"][0]["eval_metric"] == {"metric": "acc"}
        assert done.json("encoders.json")["labels"][0]["classes"] == ["x", "y"]

    def test_several_classes_a_node(self, export: Any, run: Run) -> None:
        users = "~id,tags\na,x|y\nb,\nc,y\n"
        export.node(users, labels=[{"label": ["tags", "classification"], "separator": "|"}])
        export.edge("~from,~to\na,b\n")
        done = run()
        labels = done.graph.labels[Target("node_class", "User", "tags")]
        assert labels.kind == "classes"
        assert labels.values.tolist() == [[1, 1], [-1, -1], [0, 1]]
        assert done.json("model-hpo-configuration.json")["models"][0]["eval_metric"] == {"metric": "roc_auc"}

    def test_numbers_of_nodes(self, export: Any, run: Run) -> None:
        export.node(USERS, labels=[{"label": ["age", "regression"]}])
        export.edge(FRIENDS)
        done = run()
        labels = done.graph.labels[Target("node_regression", "User", "age")]
        assert np.array_equal(labels.values, [10, 20, 50, np.nan], equal_nan=True)
        model = done.json("model-hpo-configuration.json")["models"][0]
        assert (model["task_type"], model["eval_metric"]) == ("node_regression", {"metric": "mse"})

    def test_classes_and_numbers_of_edges(self, export: Any, run: Run) -> None:
        both = [{"label": ["since", "regression"]}, {"label": ["kind", "classification"]}]
        export.node("~id\na\nb\n")
        export.edge("~from,~to,since,kind\na,b,2,old\nb,a,3,new\n", labels=both)
        done = run()
        assert done.graph.labels[Target("edge_regression", FRIEND, "since")].values.tolist() == [2.0, 3.0]
        assert done.graph.labels[Target("edge_class", FRIEND, "kind")].values.tolist() == [1, 0]
        assert any("targets of several tasks" in line for line in done.log)

    def test_custom_files_say_which_nodes_are_where_and_may_correct_values(self, export: Any, run: Run) -> None:
        files = {"train": "split/train.csv", "validation": "split/valid.csv"}
        export.node(USERS, labels=[{"label": ["town", "classification"], "custom_split_filenames": files}])
        export.edge(FRIENDS)
        export.file("split/train.csv", "~id,town\nb,z\n")
        export.file("split/valid.csv", "~id\na\n")
        done = run()
        target = Target("node_class", "User", "town")
        assert done.split(target) == ([1], [0], [])
        labels = done.graph.labels[target]
        # c is listed nowhere and counts as unlabelled
        assert labels.classes == ("x", "z")
        assert labels.values.tolist() == [0, 1, -1, -1]

    def test_custom_files_name_edges_by_their_ends(self, export: Any, run: Run) -> None:
        files = {"train": "train.csv", "valid": "valid.csv", "test": "test.csv"}
        export.node(USERS)
        export.edge(FRIENDS, labels=[{"label": ["", "link_prediction"], "custom_split_filenames": files}])
        export.file("train.csv", "~from,~to\nc,d\na,b\n")
        export.file("valid.csv", "~from,~to\nb,c\n")
        export.file("test.csv", "~from,~to\n")
        assert run().split(LINKS) == ([0, 2], [1], [])

    def test_a_pair_that_is_no_edge_is_refused_with_its_line(self, export: Any, run: Run) -> None:
        export.node(USERS)
        export.edge(FRIENDS, labels=[{"label": ["", "link_prediction"], "custom_split_filenames": {"train": "t.csv"}}])
        export.file("t.csv", "~from,~to\na,b\nb,a\n")
        with pytest.raises(JobError, match=r"t\.csv, line 3: column '~from' begins a pair that is no edge"):
            run()


class TestMistakes:
    """Each mistake a user may make has a sentence of its own."""

    def test_the_configuration_is_not_there(self, export: Any, run: Run) -> None:
        export.file("other.json", "{}")
        with pytest.raises(JobError, match=r"no configuration file 'jobs\.json'; it has other\.json, training"):
            run(config_file_name="jobs.json")

    def test_the_configuration_is_not_json(self, export: Any, run: Run) -> None:
        export.file("broken.json", "{")
        with pytest.raises(JobError, match=r"broken\.json cannot be used: document: Invalid JSON"):
            run(config_file_name="broken.json")

    def test_a_file_is_not_there(self, export: Any, run: Run) -> None:
        export.node(USERS)
        export.edge(FRIENDS)
        (export.folder / export.edges[0]["file_name"]).unlink()
        with pytest.raises(JobError, match=r"names the file 'edges/.*', which the export does not have"):
            run()

    def test_a_file_outside_the_export_is_refused(self, export: Any, run: Run) -> None:
        export.node(USERS)
        export.file("../secret.csv", "~id\n")
        export.nodes[0]["file_name"] = "../secret.csv"
        with pytest.raises(JobError, match="lies outside the export"):
            run()

    def test_a_column_is_not_there(self, export: Any, run: Run) -> None:
        export.node(USERS, features=[{"feature": ["weight", "weight", "auto"]}])
        export.edge(FRIENDS)
        with pytest.raises(JobError, match=r"User\.consolidated\.csv has no column 'weight'; it has ~id, ~label, age"):
            run()

    def test_a_number_is_no_number_and_the_line_counts_line_breaks_in_cells(self, export: Any, run: Run) -> None:
        export.node('~id,bio,age\na,"two\nlines",1\nb,x,old\n', features=[AGE])
        export.edge("~from,~to\na,b\n")
        with pytest.raises(JobError, match="line 4: column 'age' holds 'old', which is not a number"):
            run()

    def test_a_value_is_missing_and_there_is_no_imputer(self, export: Any, run: Run) -> None:
        export.node(USERS, features=[{"feature": ["age", "age", "numerical"]}])
        export.edge(FRIENDS)
        with pytest.raises(JobError, match=r'line 5: column .age. has no value.*add "imputer"'):
            run()

    def test_a_label_is_no_number(self, export: Any, run: Run) -> None:
        export.node(USERS, labels=[{"label": ["town", "regression"]}])
        export.edge(FRIENDS)
        with pytest.raises(JobError, match="line 2: column 'town' holds 'x', which is not a number"):
            run()

    def test_an_edge_ends_at_no_node(self, export: Any, run: Run) -> None:
        export.node(USERS)
        export.edge("~from,~to\na,b\nb,zz\nc,zy\n")
        with pytest.raises(
            JobError, match=r"line 3: column '~to' names the node 'zz', .* type User \(2 rows like this\)"
        ):
            run()

    def test_an_edge_goes_to_a_type_without_file(self, export: Any, run: Run) -> None:
        export.node(USERS)
        export.edge(FRIENDS, kind=RATED)
        with pytest.raises(JobError, match="edges of node type Film, of which the configuration names no node file"):
            run()

    def test_an_id_is_empty(self, export: Any, run: Run) -> None:
        export.node("~id,x\na,1\n,2\n")
        with pytest.raises(JobError, match="line 3: column '~id' is empty"):
            run()

    def test_the_graph_is_empty(self, export: Any, run: Run) -> None:
        export.node("~id\n")
        export.edge("~from,~to\n")
        with pytest.raises(JobError, match="the graph is empty: none of the node files has a row"):
            run()

    def test_there_are_no_files_at_all(self, export: Any, run: Run) -> None:
        with pytest.raises(JobError, match=r"the graph is empty: .* names no files"):
            run()

    def test_there_is_no_target_and_no_edge(self, export: Any, run: Run) -> None:
        export.node(USERS)
        with pytest.raises(JobError, match="the graph has no edges; name a target"):
            run()

    def test_the_target_edge_type_is_empty(self, export: Any, run: Run) -> None:
        export.node(USERS)
        export.edge("~from,~to\n", labels=link(0.9, 0.1, 0.0))
        with pytest.raises(JobError, match=r"the graph has no edge \(User\)-FRIEND-\(User\)"):
            run()

    def test_the_split_leaves_nothing_to_train_on(self, export: Any, run: Run) -> None:
        export.node(USERS)
        export.edge(FRIENDS, labels=link(0.0, 1.0, 0.0))
        with pytest.raises(JobError, match=r"the split \[0.0, 1.0, 0.0\] leaves nothing to train link_prediction"):
            run()

    def test_the_split_does_not_add_up(self, export: Any, run: Run) -> None:
        export.node(USERS)
        export.edge(FRIENDS, labels=link(0.9, 0.2, 0.0))
        with pytest.raises(
            JobError, match=r"Error parsing 'split_rate' field\. Expected an array with 3 double values"
        ):
            run()

    def test_the_target_has_no_value_anywhere(self, export: Any, run: Run) -> None:
        export.node("~id,t\na,\nb,\n", labels=[{"label": ["t", "classification"]}])
        with pytest.raises(JobError, match="column 't' has no value in any row"):
            run()

    def test_the_feature_type_is_unknown(self, export: Any, run: Run) -> None:
        export.node(USERS, features=[{"feature": ["age", "age", "magic"]}])
        with pytest.raises(JobError, match=r"Illegal feature type: 'magic'\. Supported values are: 'bucket_numerical'"):
            run()

    def test_a_node_type_cannot_be_linked(self, export: Any, run: Run) -> None:
        export.node(USERS, labels=link(0.9, 0.1, 0.0))
        with pytest.raises(JobError, match="only edges can be predicted so"):
            run()

    def test_rdf_is_named(self, export: Any, run: Run) -> None:
        with pytest.raises(JobError, match="holds RDF"):
            run(configuration={"query_engine": "sparql"})

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (b"", "empty"),
            (b"~id,a\n1,2\n3,4,5\n", "line 3: 3 cells, the header has 2"),
            (b'~id,a\n1,2\n3,"open\n', "after line"),
            (b"~id,a\n1,\xff\xfe\n", "not UTF-8"),
        ],
    )
    def test_a_file_is_no_csv(self, export: Any, run: Run, text: bytes, problem: str) -> None:
        export.node(text)
        with pytest.raises(JobError, match=f"User.consolidated.csv cannot be read: .*{problem}"):
            run()

    def test_a_damaged_archive_is_named(self, export: Any, run: Run) -> None:
        export.node(gzip.compress(USERS.encode())[:-12], name="nodes/User.csv.gz")
        with pytest.raises(JobError, match=r"nodes/User\.csv\.gz cannot be read"):
            run()

    def test_more_memory_than_the_machine_has_is_refused_early(
        self, export: Any, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        export.node(USERS)
        export.edge(FRIENDS)
        monkeypatch.setattr("training_scripts.graph_ml.processing.sizing.machine_memory", lambda: 10)
        with pytest.raises(JobError, match="choose a larger processingInstanceType"):
            run()


class TestIncremental:
    """A later export on top of an earlier job."""

    def later(self, export: Any, users: str, edges: str = FRIENDS, **entry: Any) -> None:
        export.nodes.clear()
        export.edges.clear()
        export.node(users, features=[AGE, TOWN], **entry)
        export.edge(edges)

    def test_known_ids_keep_their_index_and_encodings_stay(self, export: Any, run: Run) -> None:
        self.later(export, USERS)
        first = run("first")
        # another order, a new node, a new town, and an age beyond the old range
        users = (
            '~id,~label,age,town\n"e","User",90,z\n"d","User",,y\n"c","User",50,x\n"b","User",20,y\n"a","User",10,x\n'
        )
        self.later(export, users, FRIENDS + '"4","FRIEND","e","a",9\n')
        second = run("second", previous=first.output)
        graph = second.graph
        assert graph.node_ids["User"] == ["a", "b", "c", "d", "e"]
        assert graph.first_new["User"] == 4
        assert graph.features["User"]["age"].ravel().tolist() == [0.0, 0.25, 1.0, 0.25, 2.0]
        assert graph.features["User"]["town"].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1], [0, 0]]
        assert graph.edges[FRIEND].source.tolist() == [0, 1, 2, 4]
        assert second.json("encoders.json")["types"] == first.json("encoders.json")["types"]

    def test_a_removed_node_keeps_its_index_without_edges_and_features(self, export: Any, run: Run) -> None:
        self.later(export, USERS)
        first = run("first")
        self.later(export, USERS.replace('"a","User",10,x\n', '"e","User",20,x\n'), "~id,~from,~to\n1,b,c\n2,e,b\n")
        second = run("second", previous=first.output)
        graph = second.graph
        assert graph.node_ids["User"] == ["a", "b", "c", "d", "e"]
        assert graph.live_ids["User"] == ["", "b", "c", "d", "e"]
        assert graph.gone["User"].tolist() == [0]
        # ages 10 to 50 in the first job; d has none, and the median 20 counts
        assert graph.features["User"]["age"].ravel().tolist() == [0.0, 0.25, 1.0, 0.25, 0.25]
        assert graph.features["User"]["town"].tolist() == [[0, 0], [0, 1], [1, 0], [0, 0], [1, 0]]
        assert graph.edges[FRIEND].source.tolist() == [1, 4]
        assert "node type User: 'a' of the previous job is gone" in " ".join(graph.warnings)
        assert GraphData.read(second.output).gone["User"].tolist() == [0]
        # 4 of 5 are there, and of those the report speaks
        assert '<td>User</td><td class="n">4</td><td class="n">4</td>' in second.text("report.html")

    def test_a_removed_node_that_comes_back_has_its_old_index(self, export: Any, run: Run) -> None:
        self.later(export, USERS)
        first = run("first")
        self.later(export, USERS.replace('"a","User",10,x\n', ""), "~id,~from,~to\n1,b,c\n")
        second = run("second", previous=first.output)
        self.later(export, USERS)
        third = run("third", previous=second.output)
        assert third.graph.gone == {}
        assert third.graph.features["User"]["age"].ravel().tolist() == [0.0, 0.25, 1.0, 0.25]
        assert third.graph.edges[FRIEND].source.tolist() == [0, 1, 2]

    def test_a_bad_value_beside_removed_nodes_is_found_in_its_line(self, export: Any, run: Run) -> None:
        age = {"feature": ["age", "age", "numerical"]}
        users = "~id,age\na,10\nb,20\nc,30\n"
        export.node(users, features=[age])
        export.edge("~from,~to\na,b\n")
        first = run("first")
        export.nodes.clear()
        export.edges.clear()
        export.node("~id,age\nb,20\nc,\n", features=[age])
        export.edge("~from,~to\nb,c\n")
        with pytest.raises(JobError, match=r"line 3: column 'age'"):
            run("second", previous=first.output)

    def test_types_that_are_gone_stay_empty_and_types_that_are_new_are_fitted(self, export: Any, run: Run) -> None:
        pet, owns = "~id,age\np,3\nq,5\n", EdgeType("User", "OWNS", "Pet")
        age = {"feature": ["age", "age", "numerical"], "imputer": "mean"}
        since = {"feature": ["since", "since", "numerical"]}
        export.node(USERS, features=[AGE])
        export.node(pet, kind="Pet", features=[age])
        export.edge(FRIENDS)
        export.edge("~id,~from,~to,since\n7,a,p,1\n8,b,q,3\n", kind=owns, features=[since])
        first = run("first")
        export.nodes.clear()
        export.edges.clear()
        export.node(USERS, features=[AGE])
        export.node("~id,age\nx,4\ny,6\n", kind="Car", features=[age])
        export.edge(FRIENDS)
        export.edge("~id,~from,~to,since\n9,a,x,1\n", kind=EdgeType("User", "DRIVES", "Car"), features=[since])
        graph = run("second", previous=first.output).graph
        assert graph.live_ids["Pet"] == ["", ""]
        assert graph.features["Pet"]["age"].tolist() == [[0.0], [0.0]]
        assert len(graph.edges[owns]) == 0
        assert graph.edge_features[owns]["since"].shape == (0, 1)
        assert graph.features["Car"]["age"].ravel().tolist() == [0.0, 1.0]
        said = " ".join(graph.warnings)
        assert "node type Car is new; models of the previous job do not know it until one is trained again" in said
        assert "edge type (User)-DRIVES-(Car) is new" in said
        assert "edge type (User)-OWNS-(Pet) of the previous job has no edge left" in said

    def test_another_configuration_is_refused(self, export: Any, run: Run) -> None:
        self.later(export, USERS)
        first = run("first")
        export.nodes[0]["features"] = [AGE]
        with pytest.raises(
            JobError, match=r"features of User are age \(numerical\), in the previous .* town \(category"
        ):
            run("second", previous=first.output)

    def test_classes_keep_their_order_and_new_ones_come_last(self, export: Any, run: Run) -> None:
        label = [{"label": ["town", "classification"], "split_rate": [1.0, 0.0, 0.0]}]
        export.node(USERS, labels=label)
        export.edge(FRIENDS)
        first = run("first")
        export.nodes.clear()
        export.edges.clear()
        export.node(USERS.replace('"d","User",,', '"d","User",,a'), labels=label)
        export.edge(FRIENDS)
        second = run("second", previous=first.output)
        target = Target("node_class", "User", "town")
        assert second.graph.labels[target].classes == ("x", "y", "a")
        assert second.graph.labels[target].values.tolist() == [0, 1, 0, 2]

    def test_an_empty_previous_folder_is_none(self, export: Any, run: Run, tmp_path: Path) -> None:
        self.later(export, USERS)
        (tmp_path / "nothing").mkdir()
        assert run("second", previous=tmp_path / "nothing").graph.first_new["User"] == 0


class TestArtefacts:
    """What else lies in the output folder."""

    def test_an_endpoint_encodes_a_new_vertex_as_the_job_encoded_the_old_ones(self, export: Any, run: Run) -> None:
        users = "~id,~label,age,town,bio,tags,born\n" + "".join(
            f'u{i},User,{i * 3},{"xyz"[i % 3]},some words about {i},"a;b{i % 2}",19{70 + i}-03-0{i % 9 + 1}\n'
            for i in range(20)
        )
        kinds = [("age", "numerical"), ("town", "category"), ("bio", "text_tfidf"), ("tags", "auto"), ("born", "auto")]
        asked = [{"feature": [name, name, kind]} for name, kind in kinds]
        asked.append({"feature": ["bio", "bio2", "text_sbert"]})
        export.node(users, features=asked)
        export.edge("~from,~to\nu0,u1\n")
        done = run(seed=11)
        encoder = FeatureEncoder.load(done.output / "encoders.json")
        vertex = {"age": 21, "town": "y", "bio": "some words about 7", "tags": ["a", "b1"], "born": "1977-03-08"}
        online = encoder.encode("User", [vertex])
        stored = done.graph.features["User"]
        assert set(online) == set(stored) == set(encoder.widths("User"))
        for name, values in stored.items():
            assert np.allclose(online[name][0], values[7], atol=1e-6), name

    def test_an_endpoint_fills_what_a_new_vertex_lacks(self, export: Any, run: Run) -> None:
        export.node("~id,age\na,10\nb,30\n", features=[{"feature": ["age", "age", "numerical"]}])
        export.edge("~from,~to\na,b\n")
        encoder = FeatureEncoder.load(run().output / "encoders.json")
        assert encoder.encode("User", [{}, {"age": 30}])["age"].tolist() == [[0.5], [1.0]]
        with pytest.raises(ValueError, match="property 'age' of item 0: 'old' is not a number"):
            encoder.encode("User", [{"age": "old"}])
        assert encoder.encode("Stranger", [{}]) == {}

    def test_the_report_stands_alone_and_escapes_what_users_wrote(self, export: Any, run: Run) -> None:
        kind = EdgeType("User", "<b>likes</b>", "User")
        export.node(
            "~id,t\na,<script>alert(1)</script>\nb,<script>alert(1)</script>\n",
            features=[{"feature": ["t", "t", "category"]}],
        )
        export.edge("~from,~to\na,b\n", kind=kind, name="edges/likes.csv")
        page = run().text("report.html")
        assert "<script" not in page
        assert "<b>likes" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "<svg" in page
        assert 'src="http' not in page
        assert "no target was named" in page

    def test_the_report_says_why_a_column_became_what_it_is(self, export: Any, run: Run) -> None:
        rows = "".join(f"u{i},{'7;31' if i % 2 else '31'},k{i},{i % 3 + 5}\n" for i in range(40))
        auto: list[dict[str, Any]] = [{"feature": [name, name, "auto"]} for name in ("words", "key", "few")]
        auto[0]["separator"] = ";"
        export.node("~id,words,key,few\n" + rows, features=auto)
        export.edge("~from,~to\nu0,u1\nu1,u2\n")
        page = run().text("report.html")
        assert "since a set: cells have 1 to 2 values" in page
        assert "since numbers, but only 3 different ones in 40 rows" in page
        assert "&#39;key&#39; is left out: " in page

    def test_the_recommendation_prints_the_estimate_beside_what_was_measured(self, export: Any, run: Run) -> None:
        export.node(USERS)
        export.edge(FRIENDS)
        done = run()
        advice = InstanceRecommendation.load(done.output / "train_instance_recommendation.json")
        assert (advice.instance, advice.cpu_instance) == ("ml.g4dn.xlarge", "ml.m5.large")
        assert advice.measured is not None
        assert advice.measured["processing_memory"] > 50_000_000
        assert any("MB estimated" in line and "MB at its peak" in line for line in done.log)

    def test_links_let_the_tuner_choose_the_family(self, export: Any, run: Run) -> None:
        export.node(USERS)
        export.edge(FRIENDS)
        done = run()
        model = ModelHpoConfiguration.load(done.output / "model-hpo-configuration.json").model
        assert (model.model, model.task_type, model.eval_metric.metric) == ("rgcn", "link_prediction", "mrr")
        assert model.tier1[0].param == "model"
        assert model.tier1[0].options == [one.name for one in families("link_prediction") if one.compared]
        there = {path.stem for path in (done.output / "hpo-configuration-templates").iterdir()}
        assert there == {"auto", *(one.name for one in families("link_prediction"))}

    def test_a_knowledge_graph_begins_with_transe(self, export: Any, run: Run) -> None:
        export.node(USERS)
        export.edge(FRIENDS)
        done = run(model_type="kge")
        model = done.json("model-hpo-configuration.json")["models"][0]
        assert model["model"] == "transe"
        assert done.json("manifest.json")["model_type"] == "kge"

    def test_a_second_run_replaces_the_first(self, export: Any, run: Run) -> None:
        export.node(USERS, features=[AGE])
        export.edge(FRIENDS)
        run()
        export.nodes[0]["features"] = []
        done = run()
        assert not (done.output / "nodes/0/features").exists()
        assert not list(done.output.glob(".staging*"))

    def test_progress_ends_with_finished(self, export: Any, run: Run, tmp_path: Path) -> None:
        export.node(USERS)
        export.edge(FRIENDS)
        run()
        assert json.loads((tmp_path / "progress.json").read_text())["phase"] == "finished"

    def test_what_was_written_can_be_read(self, export: Any, run: Run) -> None:
        export.node(USERS, features=[AGE])
        export.edge(FRIENDS)
        assert GraphData.read(run().output).features["User"]["age"].shape == (4, 1)


def test_columns_of_the_load_format_are_found_without_their_type(export: Any, run: Run) -> None:
    export.node("~id,~label,age:Int,age2:Int(single)\na,User,1,5\nb,User,3,6\n", features=[AGE])
    export.edge("~id,~from,~to,~label,since:Int\n1,a,b,FRIEND,4\n", features=[SINCE])
    graph = run().graph
    assert graph.features["User"]["age"].ravel().tolist() == [0.0, 1.0]
    assert graph.edge_features[FRIEND]["since"].tolist() == [[4.0]]


@pytest.mark.parametrize("name", ["*", "^a.*$"])
def test_a_column_whose_name_is_a_pattern_is_that_column(export: Any, run: Run, name: str) -> None:
    export.node(
        f"~id,age,{name}\na,1,7\nb,2,8\nc,3,9\n", features=[{"feature": [name, "made", "numerical"], "norm": "none"}]
    )
    export.edge("~from,~to\na,b\nb,c\n")
    (made,) = (run().graph.features[kind]["made"] for kind in ("User",))
    assert made[:, 0].tolist() == [7, 8, 9]


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_data(export: Any, run: Run) -> None:
    export.node(b"\xef\xbb\xbf~id,age\r\na,1\r\nb,3\r\n", features=[AGE])
    export.edge("~from,~to\r\na,b\r\n")
    graph = run().graph
    assert graph.node_ids["User"] == ["a", "b"]
    assert graph.features["User"]["age"].ravel().tolist() == [0.0, 1.0]


def test_what_a_killed_run_left_is_cleared_away(export: Any, run: Run, tmp_path: Path) -> None:
    (tmp_path / "output/.staging-dead").mkdir(parents=True)
    (tmp_path / "output/.staging-dead/0.parquet").write_bytes(b"half")
    export.node(USERS)
    export.edge(FRIENDS)
    assert not list(run().output.glob(".staging*"))


def test_hundreds_of_relations_in_one_file_are_that_many_edge_types(export: Any, run: Run) -> None:
    lines = "".join(f"r{i}e,n{i},n{(i * 3 + 1) % 300},r{i:03d}\n" for i in range(300))
    export.edge("~id,~from,~to,relation\n" + lines, relation=["relation", ""])
    done = run()
    assert len(done.graph.edge_types) == 300
    assert done.graph.edge_ids[EdgeType("User", "r007", "User")] == ["r7e"]
    assert len(done.graph.targets) == 300
    assert done.text("report.html").count("<svg") == 12
    assert "Of the 12 largest of 300 edge types" in done.text("report.html")


def test_a_quoted_empty_cell_is_empty(export: Any, run: Run) -> None:
    export.node('~id,age\n"a","10"\n"b",""\n"c","30"\n', features=[AGE])
    export.edge("~from,~to\na,b\n")
    assert run().graph.features["User"]["age"].ravel().tolist() == [0.0, 0.5, 1.0]


def test_two_features_of_one_name_are_refused(export: Any, run: Run) -> None:
    export.node(USERS, features=[AGE, {"feature": ["town", "age", "category"]}])
    with pytest.raises(JobError, match="two features of User are called 'age'"):
        run()


def test_an_encoding_counts_where_the_same_property_is_none_too(export: Any, run: Run) -> None:
    # what the exporter writes for feature_encoding "none" and an override of one property
    export.node(USERS, features=[{"feature": [name, name, "none"]} for name in ("age", "town")] + [AGE])
    export.edge(FRIENDS)
    graph = run().graph
    assert list(graph.features["User"]) == ["age"]
    assert list(graph.raw["User"]) == ["town"]


def test_a_target_whose_property_the_exporter_did_not_find_is_not_turned_into_link_prediction(
    export: Any, run: Run
) -> None:
    export.node(USERS, labels=[])
    export.edge(FRIENDS)
    warning = "Unrecognized node classification property (Label: User, Property: twon)."
    with pytest.raises(JobError, match=r"no target that can be learnt: Unrecognized .*Property: twon.*export again"):
        run(configuration={"warnings": [warning]})
    export.nodes[0]["labels"] = [{"label": ["town", "classification"]}]
    assert [target.task for target in run(configuration={"warnings": [warning]}).graph.targets] == ["node_class"]


def test_a_label_that_is_a_feature_too_is_warned_of(export: Any, run: Run) -> None:
    export.node(USERS, features=[TOWN], labels=[{"label": ["town", "classification"]}])
    export.edge(FRIENDS)
    assert any("the model can read the answer" in line for line in run().log)
