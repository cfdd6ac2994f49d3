//! The same door behind API Gateway.

use router::id::ForgeKind;
use router::run::RunState;

use super::house::House;
use crate::world::runtime_api::gateway_event as event;

#[tokio::test]
async fn a_push_through_api_gateway_is_proved_by_its_own_bytes() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let pushed = shop.push("feature/a", |work| work.write("src/ü.rs", "fn b() {}\n").message("größer 🚂"));
    let door = cicd::http::router(std::sync::Arc::clone(&house.app));

    let forged = event(&pushed.delivery.clone().forged("{}")).to_string();
    let request = lambda_http::request::from_str(&forged).unwrap();
    assert_eq!(lambda::webhook::handle(door.clone(), request).await.status(), 401);

    let request = lambda_http::request::from_str(&event(&pushed.delivery).to_string()).unwrap();
    assert_eq!(lambda::webhook::handle(door, request).await.status(), 202);
    house.run(&pushed.commit, RunState::Succeeded).await;
    house.close().await;
}
