//! The order of the nodes: from a chain, or from nodes and edges.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Kind, Result};
use crate::message::{EdgeKind, Framewise, Graph, Node};

/// One node and who feeds it, by place in [`Plan::steps`].
#[derive(Debug)]
pub struct Step<'a> {
    /// What to do.
    pub node: &'a Node,
    /// The picture to work on.
    pub input: Option<usize>,
    /// The picture that is drawn on.
    pub canvas: Option<usize>,
}

/// Nodes in an order in which each comes after those that feed it.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The nodes.
    pub steps: Vec<Step<'a>>,
}

impl<'a> Plan<'a> {
    /// Put the nodes of a request in order.
    ///
    /// # Errors
    /// A key is not a number, an edge leads nowhere, two parents want one place, or the
    /// nodes wait for each other.
    pub fn new(work: &'a Framewise) -> Result<Self> {
        match work {
            Framewise::Steps(nodes) => Ok(Self::chain(nodes)),
            Framewise::Graph(graph) => Self::graph(graph),
        }
    }

    /// Which steps are among *ends*, or feed one of them through whatever others.
    pub fn leading_to(&self, ends: impl IntoIterator<Item = usize>) -> Vec<bool> {
        let mut leading = vec![false; self.steps.len()];
        ends.into_iter().for_each(|end| leading[end] = true);
        for (i, step) in self.steps.iter().enumerate().rev() {
            if leading[i] {
                let parents = [step.input, step.canvas].into_iter().flatten();
                parents.for_each(|parent| leading[parent] = true);
            }
        }
        leading
    }

    fn chain(nodes: &'a [Node]) -> Self {
        let step =
            |(i, node): (usize, &'a Node)| Step { node, input: i.checked_sub(1), canvas: None };
        Self { steps: nodes.iter().enumerate().map(step).collect() }
    }

    fn graph(graph: &'a Graph) -> Result<Self> {
        let mut nodes = BTreeMap::new();
        for (key, node) in &graph.nodes {
            let id: i32 = key.parse().map_err(|_| {
                Error::new(Kind::GraphInvalid, format!("The node key {key:?} is not a number"))
            })?;
            if nodes.insert(id, node).is_some() {
                let text = format!("Two nodes have the number {id}");
                return Err(Error::new(Kind::GraphInvalid, text));
            }
        }
        let parents = parents(graph, &nodes)?;
        let plan = order(&nodes, &parents)?;
        if let Some((id, _)) = parents.iter().find(|(_, places)| places.iter().any(|p| p.len() > 1))
        {
            let text = format!("Two edges of one kind lead to the node {id}");
            return Err(Error::new(Kind::InvalidNodeConnections, text));
        }
        Ok(plan)
    }
}

/// Each child's parents: input, canvas.
type Parents = BTreeMap<i32, [Vec<i32>; 2]>;

fn parents(graph: &Graph, nodes: &BTreeMap<i32, &Node>) -> Result<Parents> {
    let mut parents = Parents::new();
    for edge in &graph.edges {
        for end in [edge.from, edge.to] {
            if !nodes.contains_key(&end) {
                let text = format!("The edge {}→{} needs a node {end}", edge.from, edge.to);
                return Err(Error::new(Kind::GraphInvalid, text));
            }
        }
        let place = match edge.kind {
            EdgeKind::Input => 0,
            EdgeKind::Canvas => 1,
        };
        parents.entry(edge.to).or_default()[place].push(edge.from);
    }
    Ok(parents)
}

/// Always the lowest number whose parents are done, so that the order is the same each time.
fn order<'a>(nodes: &BTreeMap<i32, &'a Node>, parents: &Parents) -> Result<Plan<'a>> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    let mut waits: BTreeMap<i32, usize> = nodes.keys().map(|&id| (id, 0)).collect();
    for (&child, places) in parents {
        for parent in places.iter().flatten() {
            children.entry(*parent).or_default().push(child);
            *waits.entry(child).or_default() += 1;
        }
    }
    let mut ready: BTreeSet<i32> =
        waits.iter().filter(|&(_, &n)| n == 0).map(|(&id, _)| id).collect();
    let mut places = BTreeMap::new();
    let mut steps = Vec::with_capacity(nodes.len());
    while let Some(id) = ready.pop_first() {
        let place = |kind: usize| {
            let parent = parents.get(&id)?[kind].first()?;
            places.get(parent).copied()
        };
        steps.push(Step { node: nodes[&id], input: place(0), canvas: place(1) });
        places.insert(id, steps.len() - 1);
        for child in children.remove(&id).unwrap_or_default() {
            let left = waits.entry(child).or_default();
            *left -= 1;
            if *left == 0 {
                ready.insert(child);
            }
        }
    }
    if steps.len() < nodes.len() {
        return Err(Error::new(Kind::GraphCyclic, "The nodes of the graph wait for each other"));
    }
    Ok(Plan { steps })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(json: &str) -> Framewise {
        serde_json::from_str(json).unwrap()
    }

    /// A node's name, its input and its canvas.
    type Row = (&'static str, Option<usize>, Option<usize>);

    /// The nodes in their order.
    fn planned(json: &str) -> Result<Vec<Row>> {
        let work = work(json);
        let plan = Plan::new(&work)?;
        Ok(plan.steps.iter().map(|s| (s.node.name(), s.input, s.canvas)).collect())
    }

    #[test]
    fn steps_feed_each_other_in_turn() {
        let chain = planned(r#"{"steps": ["flip_v", "flip_h"]}"#).unwrap();

        assert_eq!(chain, [("flip_v", None, None), ("flip_h", Some(0), None)]);
    }

    #[test]
    fn a_node_waits_for_its_parents_and_the_lowest_number_goes_first() {
        let plan = planned(
            r#"{"graph": {"nodes": {"1": "flip_h", "0": "transpose", "2": "flip_v", "10": "rotate_90"},
                "edges": [{"from": 10, "to": 0, "kind": "input"}, {"from": 2, "to": 0, "kind": "canvas"}]}}"#,
        );

        let expected = [
            ("flip_h", None, None),
            ("flip_v", None, None),
            ("rotate_90", None, None),
            ("transpose", Some(2), Some(1)),
        ];
        assert_eq!(plan.unwrap(), expected);
    }

    #[test]
    fn graphs_that_cannot_run_are_refused() {
        let edge =
            |from: i32, to: i32| format!(r#"{{"from": {from}, "to": {to}, "kind": "input"}}"#);
        let graph = |key: &str, edges: &[String]| {
            let edges = edges.join(",");
            planned(&format!(
                r#"{{"graph": {{"nodes": {{"0": "flip_h", "{key}": "flip_v"}}, "edges": [{edges}]}}}}"#
            ))
        };
        let kind = |plan: Result<_>| plan.map(|_: Vec<_>| ()).unwrap_err().kind;

        assert_eq!(kind(graph("a", &[])), Kind::GraphInvalid);
        assert_eq!(kind(graph("00", &[])), Kind::GraphInvalid);
        assert_eq!(kind(graph("1", &[edge(0, 7)])), Kind::GraphInvalid);
        assert_eq!(kind(graph("1", &[edge(0, 1), edge(1, 0)])), Kind::GraphCyclic);
        assert_eq!(kind(graph("1", &[edge(0, 1), edge(0, 1)])), Kind::InvalidNodeConnections);
    }
}
